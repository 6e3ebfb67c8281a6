// Copy and download of a text as it is shown, and what keys do where nothing is typed.
const EXTENSIONS = { python3: "py", pypy3: "py", cpp: "cpp", c: "c", java: "java", patch: "patch" };

async function copy(text, near) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where the browser refuses, the old way; what is selected has to be within an open dialog.
    const area = document.createElement("textarea");
    area.value = text;
    near.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function download(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.download = name.replace(/[^\w.-]+/g, "_").slice(0, 120);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function button(name, what, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "small";
  made.textContent = name;
  made.setAttribute("aria-label", `${name} ${what}`);
  made.addEventListener("click", async () => {
    await act(made);
    made.textContent = `${name}: done`;
    setTimeout(() => { made.textContent = name; }, 1500);
  });
  return made;
}

// Buttons for a text; ``file`` is a name to download it under, or "".
function buttons(text, what, file = "") {
  const box = document.createElement("span");
  box.className = "buttons";
  box.append(button("Copy", what, (near) => copy(text, near.parentElement)));
  if (file) box.append(button("Download", what, () => download(text, file)));
  return box;
}

// A step forward or back by j and k or the arrows, unless something is typed, or scrolls sideways by them.
function onStep(step) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    if (event.key.startsWith("Arrow") && event.target.closest("pre, .scroll")) return;
    const way = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
    if (way && step(way)) event.preventDefault();
  });
}

for (const box of document.querySelectorAll(".copied")) {
  const lines = [...box.querySelectorAll("span:not(.gone)")].map((line) => line.textContent.slice(1));
  box.prepend(buttons(`${lines.join("\n")}\n`, "the program that solved"));
}
const flips = [...document.querySelectorAll("details.flip")];
if (flips.length) {
  let at = -1;
  onStep((way) => {
    at = Math.min(Math.max(at + way, 0), flips.length - 1);
    flips.forEach((flip, place) => { flip.open = place === at; });
    flips[at].querySelector("summary").focus();
    flips[at].scrollIntoView({ block: "start" });
    return true;
  });
}
