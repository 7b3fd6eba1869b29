"use strict";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const byId = (id) => document.getElementById(id);
const inWords = (name) => name.replaceAll("_", " ");

/* An element; texts among the children become text nodes, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* ---- Charts ---- */

const figures = read("figures-data");

function palette() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/* A colour with transparency, from #rrggbb. */
function faint(colour, alpha) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16);
  return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${alpha})`;
}

const WORSE = ["dropped", "rejected", "inferred"];
const ofSide = (colour, side) => colour(WORSE.includes(side) ? "rejected" : "chosen");

/* What does not fit a narrow chart: labels stand upright, those of flows take two lines; many steps keep the ends alone. */
function narrowed(data, layout) {
  const [trace] = data;
  if (trace.type === "sankey") {
    const last = trace.node.customdata.lastIndexOf("kept");
    const many = last > 4;
    const short = (label, at) => (many && at > 0 && at < last ? "" : many && at === 0 ? label.split(" ")[0] : label.replace(" ", "<br>"));
    if (many) trace.node.thickness = 6;
    trace.node.label = trace.node.label.map((label, at) => (at > last ? label : short(label, at)));
  } else if (trace.type === "heatmap") {
    layout.xaxis = { ...layout.xaxis, tickangle: -90, ticktext: layout.xaxis.ticktext.map((text) => text.replace("<br>", " ")) };
    layout.height += 90;
  }
}

function paint(trace, colour) {
  if (trace.type === "sankey") {
    trace.node.color = trace.node.customdata.map((side) => ofSide(colour, side));
    trace.node.line = { width: 0 };
    trace.link.color = trace.link.label.map((side) => faint(ofSide(colour, side), 0.35));
    trace.textfont = { color: colour("text") };
  } else if (trace.type === "heatmap") {
    trace.colorscale = [[0, colour("heat-low")], [1, colour("heat-high")]];
    trace.zmin = 0;
    trace.textfont = { color: colour("text") };
  } else if (trace.type === "bar") {
    const rejected = trace.name === "rejected";
    trace.marker = {
      color: faint(ofSide(colour, trace.name), rejected ? 0.35 : 0.55),
      line: { color: ofSide(colour, trace.name), width: 1.5 },
      pattern: { shape: rejected ? "/" : "", fgcolor: ofSide(colour, trace.name), fillmode: "overlay", size: 7 },
    };
  } else {
    const named = { limit: "fail", AUC: "accent" }[trace.name] || trace.meta;
    const main = named ? colour(named) : ofSide(colour, trace.name);
    trace.marker = { ...trace.marker, color: main, line: { ...trace.marker.line, color: main } };
    if (WORSE.includes(trace.name)) trace.marker.symbol = "diamond-open";
    if (trace.error_x) trace.error_x.color = main;
  }
}

function themed(id, narrow) {
  const { data, layout } = structuredClone(figures[id]);
  const colour = palette();
  if (narrow) narrowed(data, layout);
  for (const trace of data) paint(trace, colour);
  const axis = { gridcolor: colour("line"), zeroline: false, linecolor: colour("line"), automargin: true, fixedrange: true };
  const flat = data.every((trace) => trace.type === "heatmap");
  for (const name of ["xaxis", "yaxis"]) {
    layout[name] = { ...axis, ...(flat ? { showgrid: false } : {}), ...(layout[name] || {}) };
    if (layout[name].title) layout[name].title = { ...layout[name].title, standoff: 8, font: { size: narrow ? 11 : 13, color: colour("muted") } };
  }
  return {
    data,
    layout: {
      ...layout,
      autosize: true,
      dragmode: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text"), family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 13 },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("text") } },
      legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom" },
      showlegend: data.length > 1,
      margin: { l: 8, r: 12, t: data.length > 1 ? 34 : 12, b: data[0].type === "sankey" ? 26 : 12 },
    },
  };
}

function draw(card) {
  const chart = card.querySelector(".chart");
  const { data, layout } = themed(chart.id, card.clientWidth < 480);
  return Plotly.react(chart, data, layout, { displayModeBar: false, responsive: true });
}

const cards = [...document.querySelectorAll("figure.card")];
const drawShown = () => Promise.all(cards.filter((card) => !card.hidden).map(draw));

function showConfig(name) {
  for (const card of cards) card.hidden = card.dataset.config !== name;
  return drawShown();
}

function startCharts() {
  const radios = [...document.querySelectorAll("input[name=config]")];
  if (!radios.length) return Promise.resolve();
  const first = radios.find((radio) => radio.value === "response") || radios[0];
  first.checked = true;
  byId("configs").hidden = false;
  byId("configs").addEventListener("change", (event) => showConfig(event.target.value));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawShown);
  let width = innerWidth;
  addEventListener("resize", () => {
    if ((width < 560) !== (innerWidth < 560)) drawShown();
    width = innerWidth;
  });
  return showConfig(first.value);
}
