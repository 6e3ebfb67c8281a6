"use strict";
// Draws the figures of the page's data. Runs before attempts.js, in the same script element.
const page = JSON.parse(document.getElementById("data").textContent);

function coloured(value, css) {
  if (Array.isArray(value)) return value.map((part) => coloured(part, css));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, coloured(part, css)]));
  }
  const named = typeof value === "string" && /^var\((--[\w-]+)\)$/.exec(value);
  return named ? css.getPropertyValue(named[1]).trim() : value;
}

function merged(first, second) {
  const result = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const both = value && typeof value === "object" && !Array.isArray(value) && result[name];
    result[name] = both ? merged(result[name], value) : value;
  }
  return result;
}

function layoutOf(figure, width) {
  const narrow = width < 560;
  const axis = {
    automargin: true, fixedrange: true, gridcolor: "var(--grid)", linecolor: "var(--edge)", zeroline: false,
    title: { standoff: 10 },
  };
  const base = {
    autosize: true, height: narrow ? 320 : 400, dragmode: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: narrow ? 12 : 13, color: "var(--ink)" },
    margin: { l: 8, r: 12, t: 28, b: 8 }, xaxis: axis, yaxis: axis,
    legend: { orientation: "h", x: 0, y: 1.07, yanchor: "bottom" },
    hoverlabel: { bgcolor: "var(--surface)", bordercolor: "var(--edge)", font: { color: "var(--ink)" }, align: "left" },
  };
  const whole = merged(base, figure.layout);
  return narrow ? merged(whole, figure.narrow) : whole;
}

function nameCells(heat) {
  // Plotly reads a little HTML in its texts.
  const names = page.problems.map((name) => name.slice(0, 80).replace(/&/g, "&amp;").replace(/</g, "&lt;"));
  const arms = page.arms.map((name) => name.slice(0, 60).replace(/&/g, "&amp;").replace(/</g, "&lt;"));
  heat.text = heat.z.map((row, at) => row.map((_, column) => `${names[at]}<br>${arms[column]}`));
}

function draw(place) {
  const figure = page.figures[place.dataset.figure];
  const css = getComputedStyle(document.documentElement);
  const parts = coloured({ data: figure.data, layout: layoutOf(figure, place.clientWidth) }, css);
  if (place.dataset.figure === "heat") nameCells(parts.data[0]);
  return Plotly.react(place, parts.data, parts.layout, { displayModeBar: false, responsive: true });
}

const places = [...document.querySelectorAll("[data-figure]")];
const drawAll = () => Promise.all(places.map(draw));
drawAll().then(() => document.documentElement.setAttribute("data-drawn", "yes"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let drawnWidth = innerWidth;
addEventListener("resize", () => {
  const crossed = (drawnWidth < 760) !== (innerWidth < 760);
  drawnWidth = innerWidth;
  if (crossed) drawAll();
});
