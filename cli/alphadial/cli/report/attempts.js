// Attempts: the list with its filters, the choices of a controller, and the transcript of one. Texts enter the page as text,
// never as markup.
const PER_PAGE = 50;
const SIGNS = { solved: "✓", correctness: "✗", optimisation: "◷", unmeasurable: "?" };
const WORDS = {
  solved: "solved", correctness: "wrong (correctness failure)", optimisation: "too slow (optimisation failure)",
  unmeasurable: "unmeasurable: our machinery failed on it, twice",
};
const byId = (id) => document.getElementById(id);
const minus = (text) => String(text).replace("-", "−");
const kind = (attempt) => attempt.failure_kind || "solved";
const place = new Map(page.arms.map((arm, at) => [arm, at]));
const byArm = (a, b) => place.get(a.arm) - place.get(b.arm) || a.sample - b.sample;
const link = (id) => "#attempt-" + encodeURIComponent(id);
const ordered = (attempts) => [...attempts].sort((a, b) => (a.problem < b.problem ? -1 : a.problem > b.problem ? 1 : byArm(a, b)));

function decoded(hash) {
  const id = hash.slice("#attempt-".length);
  try { return decodeURIComponent(id); } catch { return id; /* shown as it is */ }
}

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function unpack() {
  const packed = byId("transcripts").textContent.trim();
  if (!packed) return { strings: [], attempts: [] };
  if (!("DecompressionStream" in window)) throw new Error("This browser cannot unpack the transcripts: open the report in a newer one.");
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function told(attempt) {
  const known = [attempt.arm, attempt.verdict || "unmeasurable"];
  if (attempt.propensity !== null) known.push(`probability ${minus(attempt.propensity.toPrecision(3))}`);
  if (attempt.success_prob !== null) known.push(`expected to solve ${(100 * attempt.success_prob).toFixed(1)} %`);
  if (attempt.reason) known.push(attempt.reason);
  return known.join(", ");
}

function chip(attempt) {
  const text = `attempt ${attempt.sample + 1}: ${told(attempt)}`;
  const shown = [attempt.arm, node("small", { "aria-hidden": "true" }, SIGNS[kind(attempt)] || "?")];
  return node("a", { class: `chip kind-${kind(attempt)}`, href: link(attempt.id), title: text, "aria-label": text }, ...shown);
}

function showChoices() {
  for (const [problem, attempts] of page.choices) {
    const why = node("details", { class: "why" }, node("summary", {}, "why"));
    why.addEventListener("toggle", () => {
      if (why.children.length === 1) why.append(node("ol", {}, ...attempts.map((attempt) => node("li", {}, told(attempt)))));
    });
    const chips = node("span", { class: "chips" }, ...attempts.map(chip));
    byId("choice-rows").append(node("div", {}, node("span", { class: "name" }, problem), chips, why));
  }
}

function python(source) {
  const tokens = /(#[^\n]*)|("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|\b(\d[\w.]*)\b|\b(and|as|assert|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield)\b/g;
  const parts = [];
  let end = 0;
  for (const found of source.matchAll(tokens)) {
    parts.push(source.slice(end, found.index));
    parts.push(node("span", { class: found[1] ? "c" : found[2] ? "s" : found[3] ? "n" : "k" }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, source.slice(end)];
}

// What a line of a patch is: of its head, added, removed or where it belongs.
function patch(source) {
  const heads = /^(diff |index |--- |\+\+\+ |new file|deleted file|old mode|new mode|GIT binary)/;
  const sign = (line) => (heads.test(line) ? "c" : { "+": "added", "-": "removed", "@": "k" }[line[0]]);
  return source.split(/(?<=\n)/).map((line) => (sign(line) ? node("span", { class: sign(line) }, line) : line));
}

function code(source, paint = python) {
  const lines = source.replace(/\n$/, "").split("\n").length;
  const numbers = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
  return node("div", { class: "code" }, node("pre", { class: "numbers", "aria-hidden": "true" }, numbers),
    node("pre", { tabindex: "0" }, ...paint(source)));
}

function block(title, role, tools, ...content) {
  return node("div", { class: `message ${/^\w+$/.test(role) ? role : ""}` }, node("h3", {}, node("span", {}, title), tools), ...content);
}

function messageBlocks(message, strings) {
  const content = message.content === undefined ? null : node("pre", { class: "wrap", tabindex: "0" }, strings[message.content]);
  const calls = (message.calls || []).flatMap((call) => [
    node("p", {}, "calls ", node("code", {}, call.name || "(no name)"), call.id ? ` as ${call.id}` : ""),
    ...call.arguments.flatMap(([name, at]) => [
      name ? node("p", {}, name) : null,
      strings[at].includes("\n") ? code(strings[at]) : node("pre", { class: "wrap" }, strings[at]),
    ]),
  ]);
  const title = message.call ? `${message.role}, result of ${message.call}` : message.role;
  const tools = message.content === undefined ? null : buttons(strings[message.content], `the message of ${message.role}`);
  return block(title, message.role, tools, content, ...calls.filter(Boolean));
}

function facts(attempt) {
  const ms = (seconds) => `${(1e3 * seconds).toFixed(1)} ms`;
  const rows = {
    verdict: `${attempt.verdict || "none"}: ${WORDS[kind(attempt)] || kind(attempt)}`,
    cause: attempt.cause,
    error: attempt.error,
    levels: attempt.levels ? `${attempt.level_reached} of ${attempt.levels} passed` : `${attempt.level_reached} passed`,
    "public tests": attempt.public_verdict,
    speed: attempt.ratio === null ? "" : `${attempt.ratio.toPrecision(3)} times the CPU time of the gold patch`,
    verifier: attempt.shared_verifier ? "a script in the candidate's own box, which can be deceived" : "",
    model: attempt.model,
    chosen: attempt.propensity === null ? "" : `attempt ${attempt.sample + 1} on this problem, with probability ${attempt.propensity.toPrecision(3)}`,
    reason: attempt.reason,
    "expected to solve": attempt.success_prob === null ? "" : `${(100 * attempt.success_prob).toFixed(1)} %`,
    ended: attempt.end_reason === "submitted" ? "" : attempt.end_reason,
    turns: attempt.turns > 1 ? attempt.turns : "",
    times: `program ${ms(attempt.cpu_s)} CPU, judge ${ms(attempt.judge_s)}, model ${ms(attempt.model_s)}` + (attempt.tools_s ? `, tools ${ms(attempt.tools_s)}` : ""),
    tokens: `${attempt.prompt_tokens} in, ${attempt.completion_tokens} out (${attempt.finish_reason})`,
    setting: [attempt.setting, attempt.strategy].filter(Boolean).join(", "),
    sampling: `temperature ${attempt.temperature}, seed ${attempt.seed}, sample ${attempt.sample}`,
    "problem group": attempt.group,
    "weights id": attempt.weights_id || "none: the server reported none",
    workspace: attempt.workspace,
  };
  const known = Object.entries(rows).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return node("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [node("dt", {}, name), node("dd", {}, String(value))]));
}

// The first public test that the program fails.
function failedTest({ test, told, input, expected, got }, strings) {
  const rows = { input, expected, got };
  const parts = Object.entries(rows).flatMap(([name, at]) => [
    node("dt", {}, name), node("dd", {}, node("pre", { class: "wrap", tabindex: "0" }, strings[at] === "" ? "(nothing)" : strings[at])),
  ]);
  const title = `first public test that fails (${/^\d+$/.test(test) ? `test ${test}` : test}): ${told}`;
  return block(title, "failed", null, node("dl", { class: "test" }, ...parts));
}

// How the tests went that a patch was graded by, level by level; a level that failed is open.
function testsByLevel(levels) {
  const shown = levels.map(([level, passed, ran, tests]) => node("details", passed < ran ? { open: "" } : {},
    node("summary", {}, `level ${level}: ${passed} of ${ran} tests passed`),
    node("ul", {}, ...tests.map(([name, verdict]) => node("li", {}, `${verdict === "AC" ? "✓" : verdict ? "✗" : "?"} ${name}`, verdict === "AC" ? "" : ` (${verdict || "unmeasurable"})`)))));
  return block("tests by level", "tests", null, ...shown);
}

// The messages of an attempt with their texts, as JSON.
function transcript(attempt, strings) {
  const messages = attempt.messages.map(({ role, content, call, calls }) => ({
    role, content: content === undefined ? "" : strings[content], ...(call ? { call } : {}),
    ...(calls ? { calls: calls.map((one) => ({ ...one, arguments: Object.fromEntries(one.arguments.map(([name, at]) => [name, strings[at]])) })) } : {}),
  }));
  const program = attempt.program === null ? "" : strings[attempt.program];
  return JSON.stringify({ id: attempt.id, problem: attempt.problem, model: attempt.model, verdict: attempt.verdict, messages, program }, null, 1);
}

function whole(attempt, strings) {
  const name = `${attempt.problem}-${attempt.id}`;
  const isPatch = attempt.language === "patch";
  const program = attempt.program === null ? node("pre", {}, "(none)") : code(strings[attempt.program], isPatch ? patch : python);
  const tools = attempt.program === null ? null : buttons(strings[attempt.program], isPatch ? "the patch" : "the program", `${name}.${EXTENSIONS[attempt.language] || "txt"}`);
  const text = transcript(attempt, strings);
  return [
    facts(attempt), node("p", { class: "tools" }, "Transcript ", buttons(text, "the transcript", `${name}.json`)),
    ...attempt.messages.map((message) => messageBlocks(message, strings)), block(isPatch ? "patch" : "program", "assistant", tools, program),
    attempt.tests.length ? testsByLevel(attempt.tests) : "",
    attempt.failed ? failedTest(attempt.failed, strings) : "",
  ];
}

function elsewhere(id) {
  const command = page.command.replace("ID", () => id);
  return node("p", {}, "Its transcript is not in this report. It is shown by ", node("code", {}, command));
}

function start({ strings, attempts }) {
  const known = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  const chosen = new Map(page.choices.flatMap(([, made]) => made.map((attempt) => [attempt.id, attempt])));
  const dialog = byId("attempt");
  let opened = "";

  function showAttempt(id) {
    const attempt = known.get(id);
    const brief = attempt || chosen.get(id);
    const body = byId("attempt-body");
    byId("attempt-title").textContent = brief ? `${brief.problem} at ${brief.arm}` : id;
    body.replaceChildren();
    if (attempt) {
      body.append(...whole(attempt, strings));
      const others = attempts.filter((other) => other.problem === attempt.problem && other !== attempt).slice(0, 40);
      others.sort(byArm);
      if (others.length) body.append(node("h3", {}, "Other attempts on this problem"), node("div", { class: "chips" }, ...others.map(chip)));
      body.append(node("p", {}, node("code", {}, page.command.replace("ID", () => id))));
    } else {
      body.append(node("p", {}, brief ? told(brief) : ""), elsewhere(id));
    }
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    const [order, at] = placeOf(id);
    byId("place").textContent = at < 0 ? "" : `${at + 1} of ${order.length}`;
    byId("previous").disabled = at <= 0;
    byId("next").disabled = at < 0 || at === order.length - 1;
  }

  // The list that is filtered, or all attempts where the open one is not in it.
  function placeOf(id) {
    const among = listed();
    const at = among.findIndex((attempt) => attempt.id === id);
    if (at >= 0) return [among, at];
    return [ordered(attempts), ordered(attempts).findIndex((attempt) => attempt.id === id)];
  }

  function step(way) {
    if (!dialog.open) return false;
    const [order, at] = placeOf(decoded(location.hash));
    if (at >= 0 && order[at + way]) location.hash = link(order[at + way].id);
    return true;
  }

  function follow() {
    if (location.hash.startsWith("#attempt-")) {
      opened = location.hash;
      showAttempt(decoded(location.hash));
    } else if (dialog.open) dialog.close();
  }
  dialog.addEventListener("close", () => {
    // The event comes late: by now the reader may have opened another attempt.
    if (location.hash === opened) history.replaceState(null, "", location.pathname + location.search);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  byId("close").addEventListener("click", () => dialog.close());
  addEventListener("hashchange", follow);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  onStep(step);
  const listed = list(attempts);
  follow();
}

// Shows the list of attempts with its filters; gives a function that tells which they leave.
function list(attempts) {
  const [problem, arm, verdict] = ["problem", "arm", "verdict"].map((name) => byId(`filter-${name}`));
  const order = ordered(attempts);
  const options = (select, values) => select.append(...values.map((value) => node("option", { value }, value)));
  options(byId("problem-names"), [...new Set(order.map((attempt) => attempt.problem))]);
  options(arm, [...new Set([...attempts].sort(byArm).map((attempt) => attempt.arm))]);
  options(verdict, [...new Set(attempts.map((attempt) => attempt.verdict || "unmeasurable"))].sort());
  byId("list").classList.toggle("long", page.arms.some((name) => name.length > 8));
  let shown = PER_PAGE;
  let found = order;

  function row(attempt) {
    const tag = node("span", { class: `chip kind-${kind(attempt)}` }, `${SIGNS[kind(attempt)] || "?"} ${attempt.verdict || "none"}`);
    return node("a", { href: link(attempt.id) }, tag, node("span", {}, attempt.arm),
      node("span", { class: "what" }, attempt.problem), node("span", { class: "id" }, attempt.id));
  }
  function refresh() {
    found = order.filter((attempt) => attempt.problem.includes(problem.value.trim()) && (!arm.value || attempt.arm === arm.value)
      && (!verdict.value || (attempt.verdict || "unmeasurable") === verdict.value));
    byId("list").replaceChildren(...found.slice(0, shown).map(row));
    byId("found").textContent = `${found.length.toLocaleString("en")} of ${order.length.toLocaleString("en")} attempts`;
    byId("more").hidden = found.length <= shown;
  }
  const renew = () => { shown = PER_PAGE; refresh(); };
  problem.addEventListener("input", renew);
  arm.addEventListener("change", renew);
  verdict.addEventListener("change", renew);
  byId("more").addEventListener("click", () => { shown += PER_PAGE; refresh(); });
  const heat = document.querySelector('[data-figure="heat"]');
  // A cell of the heat map leads to its attempts; plotly adds ``on`` when it has drawn.
  if (heat) drawAll().then(() => heat.on("plotly_click", ({ points: [point] }) => {
    problem.value = page.problems[point.y];
    arm.value = page.arms[point.x];
    renew();
    byId("attempts").scrollIntoView();
  }));
  refresh();
  return () => found;
}

showChoices();
if (byId("list")) {
  unpack().then(start).catch((error) => { byId("found").textContent = error.message; }).finally(() => document.documentElement.setAttribute("data-ready", "yes"));
}
