/* ---- Pairs ---- */

const pairs = read("pairs-data");
const about = read("about-data");
const KEPT = "kept", DROPPED = "dropped";
let found = pairs;
let selected = -1;
let terms = [];

/* Every error that anybody found in either side. */
const errorsOf = (pair) =>
  [
    pair.error, pair.chosen_verdict?.error, pair.rejected_verdict?.error, pair.rewrite?.error,
    ...answersOf(pair).flatMap((answer) => [answer.chosen_error, answer.rejected_error]),
  ].filter((error) => error);

const textsOf = (pair) => [
  ...[pair.chosen_verdict, pair.rejected_verdict].flatMap((verdict) => (verdict ? [verdict.judge, verdict.rationale, verdict.raw] : [])),
  ...pair.judges.flatMap(({ judge, answers }) => [judge, ...answers.flatMap(({ rationale, problem, raw }) => [rationale, problem, raw])]),
];

for (const pair of pairs) {
  const texts = [
    pair.id, pair.dialogue_id, pair.chosen, pair.rejected, pair.human, pair.reason, pair.detail, pair.strategy,
    pair.rewrite?.original, ...pair.turns.map((turn) => turn.text), ...errorsOf(pair), ...textsOf(pair),
  ];
  pair.searched = texts.filter((text) => text).join("\n").toLowerCase();
}

const filters = {
  config: (pair) => [pair.config],
  strategy: (pair) => [pair.strategy],
  error: errorsOf,
  outcome: (pair) => (pair.reason ? [DROPPED, pair.reason] : [KEPT]),
  source: (pair) => [pair.source],
  split: (pair) => [pair.split],
};
const filterOf = (name) => byId(`filter-${name}`);

function fillFilter(name) {
  const counts = new Map();
  for (const pair of pairs)
    for (const value of new Set(filters[name](pair))) if (value) counts.set(value, (counts.get(value) || 0) + 1);
  const order = (value) => (value === KEPT ? 0 : value === DROPPED ? 1 : 2);
  const values = [...counts.keys()].sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
  const options = values.map((value) => make("option", { value }, `${inWords(value)} (${counts.get(value)})`));
  filterOf(name).replaceChildren(make("option", { value: "" }, "all"), ...options);
}

/* Text nodes, with what is searched for marked. */
function marked(text) {
  const lower = text.toLowerCase();
  const nodes = [];
  let at = 0;
  if (lower.length === text.length && terms.length) {
    for (;;) {
      const hits = terms.map((term) => [lower.indexOf(term, at), term.length]).filter(([place]) => place >= 0);
      if (!hits.length) break;
      const [place, length] = hits.reduce((a, b) => (b[0] < a[0] || (b[0] === a[0] && b[1] > a[1]) ? b : a));
      nodes.push(text.slice(at, place), make("mark", {}, text.slice(place, place + length)));
      at = place + length;
    }
  }
  return [...nodes, text.slice(at)];
}

function nameOf(pair) {
  const outcome = pair.reason ? `○ dropped: ${inWords(pair.reason)}` : `◆ ${inWords(pair.error || "pair")}`;
  return `${pair.config} · ${outcome}`;
}

/* The beginning of the human's words, without the strategy that some configs put before them. */
const wordsOf = (pair) => (pair.human || pair.rewrite?.original || pair.chosen).replace(/^\[[^\]]*\] /, "").slice(0, 120);

function applyFilters() {
  terms = byId("search").value.toLowerCase().split(/\s+/).filter((term) => term);
  const wanted = Object.keys(filters).map((name) => [filters[name], filterOf(name).value]).filter(([, value]) => value);
  found = pairs.filter(
    (pair) => wanted.every(([values, value]) => values(pair).includes(value)) && terms.every((term) => pair.searched.includes(term)),
  );
  byId("list").replaceChildren(
    ...found.map((pair, at) =>
      make(
        "li", { role: "option", id: `option-${at}`, "aria-selected": "false", "data-at": at },
        make("b", {}, nameOf(pair)), make("span", {}, pair.strategy || ""), make("span", {}, wordsOf(pair)),
      ),
    ),
  );
  byId("found").textContent = `${found.length} of ${pairs.length} shown`;
  select(found.length ? 0 : -1);
}

function select(at) {
  const list = byId("list");
  list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
  selected = at;
  const option = byId(`option-${at}`);
  if (!option) {
    list.removeAttribute("aria-activedescendant");
    byId("pair").replaceChildren(make("p", {}, "No pair fits these filters."));
    return;
  }
  option.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", option.id);
  if (option.offsetTop < list.scrollTop) list.scrollTop = option.offsetTop;
  const below = option.offsetTop + option.offsetHeight - list.clientHeight;
  if (below > list.scrollTop) list.scrollTop = below;
  show(found[at], at);
}

function move(by) {
  const at = Math.min(found.length - 1, Math.max(0, selected + by));
  if (found.length && at !== selected) select(at);
}

function show(pair, at) {
  const back = make("button", { type: "button", id: "previous" }, "← Previous");
  const on = make("button", { type: "button", id: "next" }, "Next →");
  back.disabled = at === 0;
  on.disabled = at === found.length - 1;
  back.addEventListener("click", () => step(-1, "previous"));
  on.addEventListener("click", () => step(1, "next"));
  const place = [pair.split, pair.source, `dialogue ${pair.dialogue_id}`, pair.turn === null ? "" : `turn ${pair.turn}`, `id ${pair.id}`];
  byId("pair").replaceChildren(
    make("div", { class: "steps" }, back, on, make("span", {}, `${at + 1} of ${found.length}`)),
    make("h3", {}, `${pair.config}: ${pair.reason ? "a dropped candidate" : "a pair"}`),
    make("p", { class: "place" }, place.filter((part) => part).join(" · ")),
    make("div", {}, ...facts(pair)),
    ...(pair.reason ? [dropOf(pair)] : []),
    dialogueOf(pair),
    make("div", { class: "sides" }, chosenOf(pair), rejectedOf(pair)),
    closenessOf(pair),
    panelOf(pair),
  );
  showEnd(document.querySelector(".dialogue"));
}

/* A long dialogue is scrolled to what the replies answer, or to what was searched for. */
function showEnd(dialogue) {
  if (!dialogue) return;
  const hit = dialogue.querySelector("mark");
  dialogue.scrollTop = hit ? hit.offsetTop - dialogue.clientHeight / 2 : dialogue.scrollHeight;
}

function step(by, button) {
  move(by);
  byId(button).disabled ? byId("list").focus({ preventScroll: true }) : byId(button).focus({ preventScroll: true });
}

function facts(pair) {
  const told = [];
  if (pair.strategy) told.push(`strategy of the human: ${pair.strategy}`);
  if (pair.rejected_strategy) told.push(`strategy of the rejected side: ${pair.rejected_strategy}`);
  if (pair.error) told.push(`error of the rejected side: ${inWords(pair.error)}`);
  return told.map((text) => make("span", { class: "fact" }, text));
}

function dropOf(pair) {
  const told = make("div", { class: "dropped" }, make("strong", {}, `○ Dropped: ${inWords(pair.reason)}. `), about[pair.reason] || "");
  if (pair.detail) told.append(make("p", {}, ...marked(pair.detail)));
  return told;
}

function dialogueOf(pair) {
  if (!pair.turns.length) return make("p", { class: "place" }, "Nothing was said before, or the dialogue is not part of the data.");
  const turns = pair.turns.map((turn) =>
    make(
      "li", { class: turn.speaker === "supporter" ? "supporter" : "seeker" },
      make("b", {}, turn.strategy ? `${turn.speaker} · ${turn.strategy}` : turn.speaker), ...marked(turn.text),
    ),
  );
  if (pair.earlier) turns.unshift(make("li", {}, `${pair.earlier} earlier turns are not shown`));
  return make("ol", { class: "dialogue", tabindex: "0", "aria-label": "The dialogue so far" }, ...turns);
}

function chosenOf(pair) {
  const title = pair.reason ? "○ Human side (dropped)" : `✓ Chosen: the human's side${pair.rewrite ? ", rewritten" : ""}`;
  const side = make("section", { class: pair.reason ? "side" : "side chosen", "aria-label": title }, make("h4", {}, title));
  side.append(make("p", { class: "words" }, ...marked(pair.chosen)));
  if (pair.human && pair.human !== pair.chosen)
    side.append(make("div", {}, make("b", {}, "what the human then said, which is not part of the pair"), ...marked(pair.human)));
  side.append(rewriteOf(pair), verdictOf(pair, "chosen"));
  return side;
}

function rejectedOf(pair) {
  const title = pair.reason ? "✗ Inferred side (dropped)" : "✗ Rejected: the inferred side";
  const side = make("section", { class: "side rejected", "aria-label": title }, make("h4", {}, title));
  side.append(make("p", { class: "warning" }, pair.reason ? "May be harmful, not to be imitated" : "Harmful by design, not to be imitated"));
  if (pair.rejected === null) side.append(make("p", {}, make("em", {}, "There is no reply.")));
  else side.append(make("p", { class: "words" }, ...marked(pair.rejected)));
  side.append(verdictOf(pair, "rejected"));
  return side;
}

/* ---- Keys ---- */

const MOVES = { j: 1, k: -1 };
const LIST_MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input[type=search], select, textarea");
  if (event.key === "Escape" && typing) return byId("list").focus();
  if (typing) return;
  const inList = event.target === byId("list");
  if (event.key === "/") byId("search").focus();
  else if (event.key in MOVES) moveTo(MOVES[event.key]);
  else if (inList && event.key in LIST_MOVES) move(LIST_MOVES[event.key]);
  else if (inList && event.key === "Enter") byId("pair").focus();
  else return;
  event.preventDefault();
}

/* Moves from wherever on the page one is, and brings the pair into view. */
function moveTo(by) {
  move(by);
  byId("list").focus({ preventScroll: true });
  const { top, bottom } = byId("pair").getBoundingClientRect();
  if (top < 0 || top > innerHeight * 0.6 || bottom < 0) byId("pair").scrollIntoView({ block: "start" });
}

function startPairs() {
  for (const id of ["filters", "keys", "browser"]) byId(id).hidden = false;
  for (const name of Object.keys(filters)) {
    fillFilter(name);
    filterOf(name).addEventListener("change", applyFilters);
  }
  byId("search").addEventListener("input", applyFilters);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(applyFilters));
  byId("list").addEventListener("click", (event) => {
    const option = event.target.closest("li");
    if (option) select(Number(option.dataset.at));
  });
  document.addEventListener("keydown", onKey);
  applyFilters();
}

startPairs();
startCharts().then(() => document.documentElement.setAttribute("data-drawn", "true"));
