/* ---- What judges said ---- */

const VOTES = {
  worse: "✓ a vote for the pair",
  chosen_flawed: "✗ a vote against: the chosen side has an error",
  rejected_sound: "✗ a vote against: the rejected side has no error",
  not_worse: "✗ a vote against: the chosen side is not the better one",
  flip: "○ no say: the answers turn with the order",
  unparsed: "○ no say: an answer could not be read",
  failed: "○ no say: a call failed",
};

const answersOf = (pair) => pair.judges.flatMap((judge) => judge.answers);
const isRead = (answer) => answer.problem === null;

/* What is said of one side: by the judge that looked at it alone, or by all that compared it with the other. */
function verdictOf(pair, side) {
  if (pair.judges.length) return tallyOf(pair, side);
  const verdict = pair[`${side}_verdict`];
  const box = make("div", { class: "verdict" });
  if (!verdict) {
    box.append(make("p", {}, "Verdict: no judge was asked."));
    return box;
  }
  const unread = verdict.rationale === null && verdict.error === null;
  const word = verdict.error ? `✗ ${inWords(verdict.error)}` : unread ? "? could not be read" : "✓ no error found";
  box.append(make("p", {}, "Verdict: ", make("strong", {}, word), verdict.error && about[verdict.error] ? ` (${about[verdict.error]})` : ""));
  if (verdict.rationale) box.append(make("p", {}, ...marked(verdict.rationale)));
  box.append(make("p", { class: "place" }, `Judge: ${verdict.judge}`));
  if (verdict.raw !== null) box.append(rawOf(verdict.raw));
  return box;
}

const rawOf = (raw) => make("details", {}, make("summary", {}, "Raw reply of the judge"), make("pre", {}, ...marked(raw)));

/* What all answers say of one side, in short: the errors by how many name them. */
function tallyOf(pair, side) {
  const read = answersOf(pair).filter(isRead);
  const counts = new Map();
  for (const answer of read) {
    const word = answer[`${side}_error`] ? `✗ ${inWords(answer[`${side}_error`])}` : "✓ no error";
    counts.set(word, (counts.get(word) || 0) + 1);
  }
  const told = [...counts].sort((a, b) => b[1] - a[1]).map(([word, count]) => `${word} (${count} of ${read.length} answers)`);
  const box = make("div", { class: "verdict" });
  box.append(make("p", {}, "Verdict: ", make("strong", {}, told[0] || "? could not be read"), told.length > 1 ? `; ${told.slice(1).join("; ")}` : ""));
  return box;
}

function panelOf(pair) {
  if (!pair.judges.length) return "";
  const box = make("section", { class: "panel", "aria-label": "What the judges said" }, make("h4", {}, "What the judges said"));
  const { panel } = pair;
  if (panel)
    box.append(
      make(
        "p", {}, make("strong", {}, `${panel.votes} of ${panel.judges} ${panel.judges === 1 ? "judge votes" : "judges vote"} for the pair`),
        ` · margin ${panel.margin.toFixed(2)} · confidence ${panel.confidence.toFixed(2)}`,
      ),
    );
  box.append(make("p", { class: "place" }, "Every judge saw both sides twice, with either first, and was not told which is human; it calls the first A."));
  box.append(...pair.judges.map(judgeOf));
  return box;
}

function judgeOf(judge) {
  const vote = VOTES[judge.vote] || "? an answer is missing";
  return make(
    "div", { class: "judge" },
    make("p", {}, make("strong", {}, ...marked(judge.judge)), `: ${vote}`),
    make("div", { class: "answers" }, ...judge.answers.map(answerOf)),
  );
}

function answerOf(answer) {
  const first = answer.order === "chosen_first" ? "chosen" : "rejected";
  const box = make("div", { class: "verdict" }, make("b", {}, `The ${first} side stood first`));
  if (isRead(answer)) {
    const found = (side) => (answer[`${side}_error`] ? `✗ ${inWords(answer[`${side}_error`])}` : "✓ no error");
    box.append(make("p", {}, `Chosen: ${found("chosen")} · rejected: ${found("rejected")}`));
    box.append(make("p", {}, "Prefers ", make("strong", {}, answer.better === "tie" ? "neither side" : `the ${answer.better} side`)));
  } else box.append(make("p", {}, make("strong", {}, "? No verdict: "), ...marked(answer.problem)));
  if (answer.rationale) box.append(make("p", {}, ...marked(answer.rationale)));
  if (answer.raw !== null) box.append(rawOf(answer.raw));
  return box;
}

function closenessOf(pair) {
  if (!pair.closeness) return "";
  const told = Object.entries(pair.closeness).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return make("p", { class: "place closeness" }, `How close the sides are (1 is alike): ${told.join(" · ")}`);
}

/* Of a kept pair the human's own words; of a dropped one those are what is shown already. */
function rewriteOf(pair) {
  const { rewrite } = pair;
  if (!rewrite) return "";
  const why = about[rewrite.error] ? `${inWords(rewrite.error)} (${about[rewrite.error]})` : inWords(rewrite.error);
  const box = make("div", { class: "rewrite" });
  if (pair.reason) {
    box.append(make("p", {}, `The judges answered about a rewriting of these words by ${rewrite.by}, which is in `));
    box.lastChild.append(make("code", {}, "completions"), ` under ${rewrite.request_key}.`);
  } else box.append(make("b", {}, "what the human said"), make("p", {}, ...marked(rewrite.original)), make("p", {}, `Rewritten by ${rewrite.by}.`));
  box.append(make("p", {}, `The judges had found in the human's words: ${why}`));
  return box;
}
