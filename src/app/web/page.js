"use strict";
/* Everything that is shown comes from /v1 of the process that served the page. Ids, owners, rules and reasons are other people's text: it gets into the page
 * as text only (el, set), never as markup. */

/* --- small tools --- */

const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter(c => c !== null && c !== undefined).map(c => (c instanceof Node ? c : String(c))));
  return node;
}
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
function set(node, ...children) { node.replaceChildren(...children.flat(Infinity).map(c => (c instanceof Node ? c : document.createTextNode(String(c))))); }

const wait = ms => new Promise(done => setTimeout(done, ms));
const count = n => (n === null || n === undefined ? "–" : n.toLocaleString("en"));
const brief = n => (Number.isInteger(n) && n < 1e5 ? count(n) : n >= 1e6 ? (n / 1e6).toFixed(n >= 1e7 ? 1 : 2) + " M" : n >= 1e5 ? Math.round(n / 1e3) + " k" : n >= 100 ? count(Math.round(n)) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
const points = n => n.toFixed(1);
const signed = n => (n < 0 ? "−" : "+") + Math.abs(n).toFixed(1);
const share = x => (x === null ? "–" : (100 * x).toFixed(x > 0 && x < 0.1 ? 2 : 1) + " %");
const clock = ms => new Date(ms).toLocaleTimeString("en-GB");
const moment = ms => new Date(ms).toLocaleString("en-GB", {day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit"});
function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms === 0) return "at once";
  const s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;
  if (ms < 1000) return Math.round(ms) + " ms";
  if (s < 60) return (s < 10 ? s.toFixed(1) : Math.round(s)) + " s";
  if (m < 60) return Math.floor(m) + " min" + (m < 10 && Math.floor(s % 60) ? " " + Math.floor(s % 60) + " s" : "");
  if (h < 24) return Math.floor(h) + " h" + (Math.floor(m % 60) ? " " + Math.floor(m % 60) + " min" : "");
  return Math.floor(d) + " d" + (d < 30 && Math.floor(h % 24) ? " " + Math.floor(h % 24) + " h" : "");
}
const SHORT = {mql: "MQL", sal: "SAL", sql: "SQL"};
const title = stage => SHORT[stage] || stage.charAt(0).toUpperCase() + stage.slice(1);
const kind = k => (k ? el("span", {class: "kind " + k}, " " + k) : null);
/* What is not seen, or turns the text around it, is written out: an id must not pass for another one. */
const plain = text => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, c => `\\u{${c.codePointAt(0).toString(16)}}`);
function bytes(n) { return n >= 1 << 30 ? (n / (1 << 30)).toFixed(1) + " GiB" : (n / (1 << 20)).toFixed(1) + " MiB"; }

/* --- asking --- */

const token = {
  get: () => sessionStorage.getItem("hotlead-token"),
  set: value => (value ? sessionStorage.setItem("hotlead-token", value) : sessionStorage.removeItem("hotlead-token")),
};

class Problem extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

/* One question at a time for the token, whoever needs it. */
let asking = null;
function askToken(wrong) {
  if (wrong) $("ask-wrong").hidden = false;
  asking = asking || new Promise(done => {
    $("ask-form").onsubmit = event => {
      event.preventDefault();
      token.set($("ask-token").value.trim());
      $("ask-token").value = "";
      $("ask-wrong").hidden = true;
      $("ask").close();
      $("forget").hidden = false;
      asking = null;
      done();
    };
    $("ask").oncancel = event => event.preventDefault(); /* nothing can be shown without it */
    $("ask").showModal();
  });
  return asking;
}

async function open(path, more = {}) {
  for (;;) {
    const mine = token.get(), headers = {...more.headers};
    if (mine) headers.Authorization = "Bearer " + mine;
    let answer;
    try {
      answer = await fetch(path, {...more, headers, cache: "no-store", referrerPolicy: "no-referrer"});
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "no answer");
    }
    if (answer.ok) return answer;
    if (answer.status === 401) {
      if (token.get() !== mine) continue; /* another question has got a new one meanwhile */
      token.set(null);
      await askToken(mine !== null);
      continue;
    }
    const problem = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, problem.detail || answer.statusText);
  }
}
const ask = async path => (await open(path)).json();

/* Again and again, while somebody looks. */
async function every(ms, work, fail) {
  for (;;) {
    if (document.hidden) await new Promise(seen => document.addEventListener("visibilitychange", seen, {once: true}));
    try { await work(); } catch (error) { fail(error); }
    await wait(ms);
  }
}

/* --- the state of the process --- */

const rates = [];
let answered = null; /* when it answered last */
let tally = null;    /* what became of the events since the start */

function showState(text, look) {
  set($("state-text"), text);
  $("state").className = "state " + look;
}

function showTrouble(text) {
  $("trouble").hidden = !text;
  if ($("trouble").textContent !== text) set($("trouble"), text || "");
}

function sparkline(values) {
  const top = Math.max(1, ...values), step = 100 / Math.max(1, values.length - 1);
  const line = values.map((v, i) => `${(i * step).toFixed(1)},${(21 - 17 * v / top).toFixed(1)}`).join(" ");
  return draw("svg", {viewBox: "0 0 100 22", preserveAspectRatio: "none", "aria-hidden": "true"}, draw("polyline", {class: "spark", points: line}));
}

function tile(name, big, unit, sub, look) {
  return el("div", {}, el("dt", {}, name), el("dd", {class: "big " + (look || "")}, big, unit ? el("small", {}, " " + unit) : null),
    sub instanceof Node ? el("dd", {}, sub) : el("dd", {class: "sub", title: sub || null}, sub || "\u00a0"));
}

const under = ms => (ms < 1 ? "< 1" : ms < 10 ? ms.toFixed(1) : count(Math.round(ms)));

function showTiles(s) {
  const lag = s.lag.reduce((sum, t) => sum + (t.records || 0), 0), worst = s.lag.reduce((a, b) => ((b.records || 0) > (a.records || 0) ? b : a), s.lag[0]);
  const l = s.latency_ms, rate = s.events_per_s;
  if (rate !== null) rates.push(rate);
  if (rates.length > 90) rates.shift();
  const parts = s.partitions, all = parts.live + parts.restoring + parts.elsewhere;
  set($("tiles"), [
    tile("Events", rate === null ? "–" : brief(rate), "/s", rates.length > 1 ? sparkline(rates) : "measuring"),
    tile("Transitions", s.transitions_per_s === null ? "–" : brief(s.transitions_per_s), "/s", count(s.transitions) + " since the start"),
    tile("Latency", l ? under(l.p50) : "–", l ? "ms median" : "", l ? `99\u00a0%:\u00a0${under(l.p99)}, 99.9\u00a0%:\u00a0${under(l.p999)}` : "no events just now"),
    tile("Lag", brief(lag), "records", lag && worst ? "most in " + worst.topic : "caught up"),
    tile("Checkpoint", s.checkpoint_age_s === null ? "–" : span(1000 * s.checkpoint_age_s), "old", s.delivery.replace("_", " ")),
    tile("Redis", {up: "up", down: "away", none: "none"}[s.redis], "", {up: "the copy follows", down: "scoring goes on, the copy waits", none: "not configured"}[s.redis], s.redis === "down" ? "bad" : ""),
    tile("Partitions here", count(parts.live), "of " + all, parts.restoring ? count(parts.restoring) + " being restored" : parts.elsewhere ? count(parts.elsewhere) + " elsewhere" : "all of them"),
    tile("Contacts here", brief(s.contacts), "", bytes(s.table_bytes) + " of memory"),
  ]);
}

/* What became of every event: nothing is lost between the lines of this sum. */
function showTally(e) {
  tally = e;
  const dead = `${count(e.dead_letter)} dead ${e.dead_letter === 1 ? "letter" : "letters"}`;
  set($("tally"), e.consumed === 0 ? "No event has been read since the start." : [`${count(e.consumed)} events read since the start: ${count(e.scored)} scored, ${count(e.ignored)} ignored ` +
    `(types that are not known, machines, contacts that are out), ${count(e.duplicate)} duplicates, `, e.dead_letter ? el("b", {class: "bad"}, dead) : dead, "."]);
}

let tried = false;   // there is a second model

async function lookAtStatus() {
  const s = await ask("/v1/status");
  tried = s.shadow_version !== null;
  answered = Date.now();
  set($("model-name"), s.model, " ", s.model_version);
  document.title = "hotlead – " + s.model;
  showState({ready: "Ready", restoring: "Restoring", hung: "Hung"}[s.state], s.state === "ready" ? "good" : "bad");
  showTrouble(s.state !== "ready" ? s.why : s.model_refused === null ? "" : "A new model was refused, the one before scores on: " + s.model_refused);
  if (ways && s.model_version !== ways.model_version) lookAtModel().catch(() => {});   // it was read again
  showTiles(s);
  showTally(s.events);
}

function statusFails(error) {
  showState("No answer", "bad");
  showTrouble(error.status ? error.message : "hotlead does not answer" + (answered ? ", since " + clock(answered) : "") + ". What you see is as old as that; trying again.");
}

/* --- the funnel --- */

const ago = ms => (ms < 1000 ? "just now" : ms < 60000 ? Math.round(ms / 1000) + " s ago" : span(ms) + " ago");
function older(source, what) {
  const list = [], own = source.memory.length, all = own === source.of;
  if (own) list.push(`${all ? "All" : own + " of"} ${source.of} partitions ${what} here ${ago(source.memory_age_ms)}`);
  if (source.redis.length) list.push(`${source.redis.length} by other processes, at the earliest ${ago(source.redis_age_ms)}`);
  if (source.missing.length) list.push(`${source.missing.length} not known yet`);
  return list.join(", ") + ".";
}

function funnelRow(s, most, data) {
  const exit = s.forward === undefined, stays = exit ? s.now : s.now + s.forward + s.back + s.out;
  const worst = data.bottleneck && data.bottleneck.from === s.stage, slow = data.slowest && data.slowest.from === s.stage;
  const bar = el("i", {}), track = el("span", {class: "track", "aria-hidden": "true"}, bar);
  bar.style.width = most ? 100 * stays / most + "%" : "0";
  if (!stays) bar.style.minWidth = "0";
  return el("tr", {class: exit ? "exits" : worst ? "worst" : ""},
    el("th", {scope: "row"}, title(s.stage), worst ? el("span", {class: "tag"}, "bottleneck") : null, slow ? el("span", {class: "tag calm"}, "slowest") : null),
    el("td", {class: "num"}, count(s.now)), el("td", {class: "wide"}, track), el("td", {class: "num"}, count(s.entered)),
    el("td", {class: "num rate"}, exit || !s.next ? "" : share(s.conversion)),
    el("td", {class: "num"}, exit || !s.next ? "" : span(s.median_ms)), el("td", {class: "num dim"}, exit || !s.next ? "" : span(s.p90_ms)),
    el("td", {class: "num dim"}, exit ? "" : count(s.back)), el("td", {class: "num dim"}, exit ? "" : count(s.out)));
}

let stageCounts = {};

function nobodyYet() {
  if (!tally || tally.scored) return "No contacts yet.";
  return "No contacts yet: " + (tally.consumed ? "none of the events that were read was scored." : "waiting for a first event.");
}

async function lookAtFunnel() {
  const f = await ask("/v1/funnel");
  const most = Math.max(1, ...f.stages.map(s => (s.forward === undefined ? s.now : s.now + s.forward + s.back + s.out)));
  set($("funnel"), f.stages.map(s => funnelRow(s, most, f)));
  const b = f.bottleneck, w = f.slowest;
  const slow = !w || w.median_ms === null ? "" : b && w.from === b.from ? ` It takes longest, too: ${span(w.median_ms)}.` : ` ${title(w.from)} to ${title(w.to)} takes longest: ${span(w.median_ms)}.`;
  set($("verdict"), f.contacts === 0 ? nobodyYet() : b ? [el("b", {}, `${title(b.from)} to ${title(b.to)}`), ` loses the most: ${share(b.conversion)} go on.`, slow] : `Too few stays to name a bottleneck yet; ${f.judged_from_stays} are needed.`);
  set($("funnel-foot"), `${count(f.contacts)} contacts. Bars: all stays in a stage so far, open ones included; “went on” is the share of them that ended forward. `,
    f.since ? `Moves counted since ${moment(f.since)}. ` : "", older(f.source, "counted"));
  stageCounts = Object.fromEntries(f.stages.map(s => [s.stage, s.now]));
  const known = f.stages.map(s => s.stage);
  for (const option of [...$("hot-stage").options]) if (option.value && !known.includes(option.value)) option.remove(); /* this model does without */
  drawWays();
}

/* --- the hottest --- */

function fillStages() {
  const pick = $("hot-stage");
  pick.append(...[...MAIN, ...EXITS].filter(s => s !== "disqualified").map(s => el("option", {value: s}, title(s))));
  pick.onchange = () => lookAtHottest().catch(hottestFails);
}

function due(ms) {
  if (ms === null) return el("td", {class: "num dim"}, "–");
  const left = ms - Date.now();
  return el("td", {class: "num due" + (left < 0 ? " late" : "")}, left < 0 ? span(-left) + " late" : "in " + span(left));
}

function contactButton(id) {
  return el("button", {type: "button", class: "id", "data-contact": id, "aria-haspopup": "dialog"}, plain(id));
}

function hotRow(c, i) {
  return el("tr", {}, el("td", {class: "num dim"}, i + 1), el("td", {}, contactButton(c.contact_id), c.suspect ? el("span", {class: "tag calm"}, "suspect") : null),
    el("td", {class: "num score"}, points(c.score)), el("td", {}, c.grade ? el("span", {class: "grade"}, c.grade) : el("span", {class: "dim"}, "–")),
    el("td", {class: "stage"}, title(c.stage), c.stage === "mql" ? kind(c.kind) : null), el("td", {class: c.owner ? "" : "dim"}, c.owner ? plain(c.owner) : "–"), due(c.sla_due));
}

async function lookAtHottest() {
  const stage = $("hot-stage").value, r = await ask("/v1/rank?limit=15" + (stage ? "&stage=" + stage : ""));
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.contact : undefined;
  const inTable = $("hot").contains(document.activeElement);
  if (r.contacts.length) set($("hot"), r.contacts.map(hotRow));
  else set($("hot"), el("tr", {}, el("td", {colspan: 7, class: "note"}, stage ? `Nobody is in the stage ${title(stage)}.` : "No contacts yet.")));
  if (inTable) { const again = [...$("hot").querySelectorAll("button.id")].find(b => b.dataset.contact === focused); if (again) again.focus(); }
  set($("hot-foot"), "Scores of this moment, decayed; reasons by pointing at a contact. ", older(r.source, "looked through"));
}

function hottestFails(error) {
  if (error.status) set($("hot"), el("tr", {}, el("td", {colspan: 7, class: "note"}, error.message)));
}

/* --- reasons, beside a contact that is pointed at --- */

const tip = {node: $("tip"), of: null, timer: 0, seen: new Map()};

async function reasonsOf(id) {
  const kept = tip.seen.get(id);
  if (kept && Date.now() - kept.at < 5000) return kept.e;
  const e = await ask(`/v1/contacts/${encodeURIComponent(id)}/explain`);
  if (tip.seen.size > 200) tip.seen.clear();
  tip.seen.set(id, {e, at: Date.now()});
  return e;
}

function reasonLines(e) {
  const parts = [...e.fit_rules.map(r => [r.rule, r.now]), ...e.rows.map(r => [r.rule, r.now])];
  if (e.manual) parts.push(["by hand", e.manual]);
  return parts.filter(p => Math.abs(p[1]) >= 0.05).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
}

function placeTip(button) {
  const at = button.getBoundingClientRect(), own = tip.node.getBoundingClientRect();
  const below = at.bottom + own.height + 12 < innerHeight;
  tip.node.style.left = Math.max(8, Math.min(at.left, innerWidth - own.width - 8)) + "px";
  tip.node.style.top = Math.max(8, below ? at.bottom + 6 : at.top - own.height - 6) + "px";
}

async function showTip(button) {
  const id = button.dataset.contact;
  tip.of = id;
  try {
    const e = await reasonsOf(id);
    if (tip.of !== id || !button.isConnected) return;
    const lines = reasonLines(e);
    set(tip.node, el("p", {class: "lead"}, `${points(e.score)} points`), lines.slice(0, 7).map(([name, n]) => el("div", {}, el("span", {}, name), el("span", {}, signed(n)))),
      lines.length > 7 ? el("p", {}, `and ${lines.length - 7} more`) : "", el("p", {}, e.why));
  } catch (error) {
    if (tip.of !== id) return;
    set(tip.node, el("p", {}, error.message));
  }
  tip.node.hidden = false;
  button.setAttribute("aria-describedby", "tip");
  placeTip(button);
}

function hideTip() {
  clearTimeout(tip.timer);
  tip.of = null;
  tip.node.hidden = true;
}
const hideSoon = () => { clearTimeout(tip.timer); tip.timer = setTimeout(hideTip, 150); };

function pointed(event) {
  const button = event.target instanceof Element ? event.target.closest("button.id") : null;
  if (!button) return;
  clearTimeout(tip.timer);
  tip.timer = setTimeout(() => showTip(button), event.type === "focusin" ? 0 : 120);
}

/* --- transitions, live --- */

const KEPT = 80;
const live = {last: "", paused: false, waiting: [], n: 0, missed: 0, abort: null};

function liveItem(t, fresh) {
  const why = t.cause === "hand_raise" ? "raised a hand" : t.cause.replace("_", " ");
  return el("li", {class: fresh ? "fresh" : ""}, el("time", {datetime: new Date(t.occurred_at).toISOString()}, clock(t.occurred_at)), contactButton(t.contact_id),
    el("span", {class: "score"}, points(t.score)),
    el("span", {class: "move"}, title(t.from), el("span", {class: "dir " + t.direction, "aria-hidden": "true"}, " → "), el("span", {class: "off"}, " to "), el("b", {}, title(t.to)), t.to === "mql" ? kind(t.kind) : null,
      ` · ${why}`, t.rule ? `: ${t.rule}` : "", t.owner ? ` · ${plain(t.owner)}` : ""));
}

function putLive(items) {
  const list = $("live");
  if (list.firstChild && list.firstChild.className === "note") list.replaceChildren();
  list.prepend(...items.reverse());
  while (list.childElementCount > KEPT) list.lastElementChild.remove();
}

function take(event) {
  if (event.type === "transition") {
    live.last = event.id;
    live.n++;
    live.waiting.push(JSON.parse(event.data));
  } else if (event.type === "missed") {
    live.missed += JSON.parse(event.data).missed || 0;
  }
}

/* Twice a second what has come; of a flood the newest. */
function flush() {
  if (live.paused || document.hidden || !live.waiting.length) return;
  const list = live.waiting.splice(0).slice(-KEPT), few = list.length < 6; /* of a flood nothing stands out */
  putLive(list.map(t => liveItem(t, few)));
  set($("live-foot"), `${count(live.n)} seen`, live.missed ? `, ${count(live.missed)} passed over` : "", ", of the partitions that this process holds. All are in lead.transitions.");
}

async function readEvents(body) {
  const reader = body.getReader(), decoder = new TextDecoder();
  let text = "", event = {type: "message", data: "", id: live.last};
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    text += decoder.decode(value, {stream: true});
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) {
      if (line === "") { if (event.data) take(event); event = {type: "message", data: "", id: live.last}; }
      else if (line.startsWith("id: ")) event.id = line.slice(4);
      else if (line.startsWith("event: ")) event.type = line.slice(7);
      else if (line.startsWith("data: ")) event.data += line.slice(6);
    }
  }
}

async function follow() {
  for (;;) {
    if (document.hidden) await new Promise(seen => document.addEventListener("visibilitychange", seen, {once: true}));
    try {
      live.abort = new AbortController();
      const answer = await open("/v1/transitions" + (live.last ? "" : "?recent=40"), {headers: live.last ? {"Last-Event-ID": live.last} : {}, signal: live.abort.signal});
      await readEvents(answer.body);
    } catch (error) {
      if (error.status) set($("live-foot"), error.message);
    }
    await wait(2000);
  }
}

function pause() {
  live.paused = !live.paused;
  $("pause").setAttribute("aria-pressed", live.paused);
  set($("pause"), live.paused ? "Go on" : "Pause");
  flush();
}

/* For who listens: a sentence now and then, not each line. */
let told = 0;
function sayWhatHappened() {
  if (live.n === told || live.paused || document.hidden) return;
  set($("say"), `${count(live.n - told)} transitions in the last half minute.`);
  told = live.n;
}

/* --- the model's ways --- */

const MAIN = ["anonymous", "subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist"];
const EXITS = ["unqualified", "disqualified"];
let ways = null;

/* Each pair of stages once; an edge from nearly everywhere is drawn from a line that all of the main ones share. */
function pairs(edges) {
  const found = new Map();
  for (const e of edges) {
    if (e.from.length > 4) { found.set("any>" + e.to, {from: "any", to: e.to, many: e.from}); continue; }
    for (const from of e.from) if (from !== e.to) found.set(from + ">" + e.to, {from, to: e.to});
  }
  return [...found.values()];
}

function look(from, to) {
  if (EXITS.includes(to)) return "out";
  return from === "any" || (MAIN.includes(from) && MAIN.indexOf(to) > MAIN.indexOf(from)) ? "fwd" : "back";
}

function arrow(path, look) {
  return draw("path", {d: path, class: "e " + look, "marker-end": `url(#h-${look})`});
}

function heads() {
  return draw("defs", {}, ["fwd", "back", "out"].map(look => draw("marker", {id: "h-" + look, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto"},
    draw("path", {d: "M0,0 L8,4 L0,8 z", class: "h " + look}))));
}

function drawWays() {
  if (!ways) return;
  const stages = MAIN.filter(s => s in stageCounts || ways.edges.some(e => e.to === s || (e.from.length <= 4 && e.from.includes(s))));
  const W = 1180, w = 104, h = 46, gap = (W - 20 - stages.length * w) / (stages.length - 1), y = 66, low = 206;
  const at = Object.fromEntries(stages.map((s, i) => [s, {x: 10 + i * (w + gap), y}]));
  const mid = at.mql || at.lead, far = at.opportunity || at[stages[stages.length - 1]];
  at.unqualified = {x: mid.x + 30, y: low};
  at.disqualified = {x: far.x, y: low};
  const lines = [], nodes = [], label = `Stages ${stages.map(title).join(", ")}; the table below tells every way.`;
  let lane = 0;
  for (const p of pairs(ways.edges)) {
    const kind = look(p.from, p.to), b = at[p.to];
    if (!b || (p.from !== "any" && !at[p.from])) continue;
    if (p.from === "any") { if (kind === "out") lines.push(arrow(`M${b.x + w + 96},${b.y + h / 2} H${b.x + w + 3}`, kind), draw("text", {x: b.x + w + 8, y: b.y + h / 2 - 7, class: "c"}, "from any stage")); continue; }
    const a = at[p.from], i = stages.indexOf(p.from), k = stages.indexOf(p.to);
    if (kind === "fwd" && k === i + 1) lines.push(arrow(`M${a.x + w},${y + h / 2} H${b.x - 2}`, kind));
    else if (kind === "fwd") { const up = 46 + (lane++ % 3) * 14; lines.push(arrow(`M${a.x + w * .62},${y} C${a.x + w},${y - up} ${b.x},${y - up} ${b.x + w * .38},${y - 2}`, kind)); }
    else if (kind === "out") lines.push(arrow(`M${a.x + w * .5},${y + h} C${a.x + w * .5},${y + 98} ${b.x + w * .5},${low - 62} ${b.x + w * .5 + (a.x < b.x ? -10 : a.x > b.x ? 10 : 0)},${low - 3}`, kind));
    else if (EXITS.includes(p.from)) lines.push(arrow(`M${a.x},${low + h / 2} C${a.x - 60},${low + h / 2} ${b.x + w * .3},${y + 110} ${b.x + w * .3},${y + h + 3}`, kind));
    else { const down = 26 + (lane++ % 3) * 14; lines.push(arrow(`M${a.x + w * .4},${y + h} C${a.x},${y + h + down + 14} ${b.x + w},${y + h + down + 14} ${b.x + w * .7},${y + h + 3}`, kind)); }
  }
  for (const s of [...stages, ...EXITS]) {
    const p = at[s];
    nodes.push(draw("rect", {x: p.x, y: p.y, width: w, height: h, rx: 6, class: "box" + (EXITS.includes(s) ? " exit" : "")}), draw("text", {x: p.x + w / 2, y: p.y + 20, "text-anchor": "middle", class: "n"}, title(s)),
      draw("text", {x: p.x + w / 2, y: p.y + 37, "text-anchor": "middle", class: "c"}, s in stageCounts ? count(stageCounts[s]) : ""));
  }
  set($("chart"), draw("svg", {viewBox: `0 0 ${W} ${low + h + 14}`, role: "img", "aria-label": label}, heads(), lines, nodes));
}

async function lookAtModel() {
  ways = await ask("/v1/model");
  const names = e => (e.from.length > 4 ? "Any of " + e.from.length + " stages" : e.from.map(title).join(", "));
  set($("edges"), ways.edges.map(e => el("tr", {}, el("td", {title: e.from.map(title).join(", ")}, names(e)), el("td", {class: "stage"}, title(e.to), kind(e.kind)), el("td", {}, e.when))));
  drawWays();
}

/* --- the model that is tried beside it --- */

async function lookAtShadow() {
  const s = await ask("/v1/shadow?limit=20");
  $("shadow").hidden = false;
  set($("shadow-verdict"), `${plain(s.shadow.model)} ${plain(s.shadow.version)}: `, el("b", {}, `${count(s.differ)} of ${count(s.contacts)}`), " contacts would be in another stage.");
  set($("shadow-stages"), s.stages.filter(r => r.live || r.shadow).map(r => el("tr", {}, el("th", {scope: "row"}, title(r.stage)), el("td", {class: "num"}, count(r.live)), el("td", {class: "num"}, count(r.shadow)),
    el("td", {class: "num" + (r.change ? "" : " dim")}, r.change ? (r.change < 0 ? "−" : "+") + count(Math.abs(r.change)) : "–"))));
  set($("shadow-who"), s.differing.map(d => el("tr", {}, el("td", {}, contactButton(d.contact_id)), el("td", {class: "stage"}, title(d.live)), el("td", {class: "num"}, points(d.score)),
    el("td", {class: "stage"}, title(d.shadow)), el("td", {class: "num"}, points(d.shadow_score)))));
  const sum = key => s.transitions.reduce((n, t) => n + t[key], 0);
  set($("shadow-foot"), `Equal when it began, ${s.since === null ? "just now" : moment(s.since)}. Moves that both made: ${count(sum("both"))}, the model in use alone: ${count(sum("live_only"))}, the shadow alone: ${count(sum("shadow_only"))}. Partitions of this process.`,
    s.refused === null ? "" : " A newer shadow was refused: " + plain(s.refused));
}

/* --- one contact --- */

const contact = {id: null, seq: -1, history: null, from: null};

function facts(e) {
  const pair = (name, value, big) => el("div", {}, el("dt", {}, name), el("dd", {class: big ? "big" : ""}, value));
  const left = e.sla_due === null ? null : e.sla_due - Date.now();
  return el("dl", {class: "facts"}, pair("Score", points(e.score), true), pair("Stage", [title(e.stage), e.stage === "mql" ? kind(e.kind) : null], true),
    pair("Fit and behaviour", `${points(e.fit)} + ${points(e.behavior)}`), pair("Grade", e.grade || "–"), pair("In this stage since", e.stage_since ? moment(e.stage_since) : "–"),
    pair("Visit", count(e.visit)), pair("Owner", e.owner ? plain(e.owner) : "–"), pair("Answer due", left === null ? "–" : left < 0 ? span(-left) + " late" : "in " + span(left)), e.suspect ? pair("Label", "suspect") : null,
    e.merged_into ? pair("Merged into", contactButton(e.merged_into)) : null, e.merged ? pair("Took over", e.merged.map(plain).join(", ")) : null);
}

function sumRows(e) {
  const rows = e.fit_rules.map(r => el("tr", {}, el("th", {scope: "row"}, r.rule), el("td", {class: "dim"}, "fit"), el("td", {}), el("td", {}), el("td", {}), el("td", {class: "num"}, signed(r.now))));
  const sorted = [...e.rows].sort((a, b) => Math.abs(b.now) - Math.abs(a.now));
  rows.push(...sorted.map(r => el("tr", {}, el("th", {scope: "row"}, r.rule), el("td", {class: "dim"}, r.group || "–"), el("td", {class: "num"}, count(r.times)), el("td", {class: "num"}, signed(r.raw)),
    el("td", {class: "num dim"}, Math.abs(r.decay) < 0.05 ? "" : signed(-r.decay)), el("td", {class: "num"}, signed(r.now)))));
  const extra = (name, n) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}), el("td", {}), el("td", {}), el("td", {}), el("td", {class: "num"}, signed(n)));
  for (const g of e.groups) if (g.cap_units) rows.push(extra(`over the limit of ${g.group}`, -g.cap));
  if (e.manual_units) rows.push(extra("by hand", e.manual));
  if (e.floor_units) rows.push(extra("never below 0", e.floor));
  return rows;
}

function sumTable(e) {
  return el("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "What the score is made of"}, el("table", {"aria-label": "What the score is made of"}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Rule"), el("th", {scope: "col"}, "Group"),
    el("th", {scope: "col", class: "num"}, "Times"), el("th", {scope: "col", class: "num"}, "Points"), el("th", {scope: "col", class: "num"}, "Decayed"), el("th", {scope: "col", class: "num"}, "Now"))),
    el("tbody", {}, sumRows(e)), el("tfoot", {}, el("tr", {class: "sum"}, el("th", {scope: "row", colspan: 5}, e.adds_up ? "Score, adding up exactly" : "Score (does not add up: please report it)"), el("td", {class: "num"}, points(e.score))))));
}

function nextList(e) {
  if (!e.next.length && !e.decay) return el("p", {class: "dim"}, "No way leads on from here.");
  return el("ul", {class: "next"}, e.next.map(n => el("li", {}, el("b", {}, title(n.to), kind(n.kind)), el("span", {}, n.missing || "nothing: it goes there with its next event"))),
    e.decay ? el("li", {}, el("b", {}, title(e.decay.to)), el("span", {}, `by decay, on ${moment(e.decay.at)}, if nothing happens`)) : null);
}

/* Left of now what was told with each transition, on its own scale; right of it the 90 days to come if nothing more happens. */
function plot(e, h) {
  const W = 700, H = 210, L = 38, R = 10, T = 14, B = 26, now = L + (W - L - R) * .56;
  const past = h.transitions.map(t => [t.occurred_at, t.score]), start = past.length ? past[0][0] : e.as_of - 1, width = Math.max(1, e.as_of - start), last = h.forecast[h.forecast.length - 1].at - h.as_of;
  const limits = ways ? [["MQL", ways.thresholds.mql.enter], ["MQL ends", ways.thresholds.mql.exit], ["SQL", ways.thresholds.sql.enter]].filter(l => l[1] !== null) : [];
  const top = 1.08 * Math.max(10, e.score, ...past.map(p => p[1]), ...limits.filter(l => l[1] <= 1.6 * e.score || l[0] === "MQL").map(l => l[1]));
  const y = v => T + (H - T - B) * (1 - Math.max(0, v) / top), xp = t => L + (now - L) * (t - start) / width, xf = t => now + (W - R - now) * (t - h.as_of) / last;
  const line = list => list.map(([x, v], i) => `${i ? "L" : "M"}${x.toFixed(1)},${y(v).toFixed(1)}`).join("");
  const step = [10, 20, 25, 50, 100, 200, 500, 1000, 5000, 20000].find(s => top / s <= 5) || top, grid = [];
  for (let v = 0; v <= top; v += step) grid.push(draw("line", {class: v ? "grid" : "axis", x1: L, x2: W - R, y1: y(v), y2: y(v)}), draw("text", {x: L - 6, y: y(v) + 4, "text-anchor": "end"}, count(v)));
  const about = `Score over time: ${past.map(([t, v]) => `${points(v)} on ${moment(t)}`).join(", ")}; ${points(e.score)} now; ${points(h.forecast[h.forecast.length - 1].score)} in 90 days if nothing more happens.`;
  return draw("svg", {class: "plot", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": about}, grid,
    limits.filter(l => l[1] < top).map(([name, v]) => [draw("line", {class: "limit", x1: L, x2: W - R, y1: y(v), y2: y(v)}), draw("text", {class: "limit-name", x: now + 6, y: y(v) - 4}, name)]),
    draw("line", {class: "axis", x1: now, x2: now, y1: T, y2: H - B}),
    draw("path", {class: "past", d: line([...past.map(([t, v]) => [xp(t), v]), [now, e.score]])}),
    draw("path", {class: "fore", d: line(h.forecast.map(p => [xf(p.at), p.score]))}),
    past.map(([t, v]) => draw("circle", {class: "pt", cx: xp(t), cy: y(v), r: 3.5})),
    draw("text", {x: L, y: H - 8}, past.length ? moment(start) : ""), draw("text", {x: now, y: H - 8, "text-anchor": "middle"}, "now"), draw("text", {x: W - R, y: H - 8, "text-anchor": "end"}, "in 90 days"));
}

function stepItem(t) {
  return el("li", {}, el("time", {datetime: new Date(t.occurred_at).toISOString()}, moment(t.occurred_at)),
    el("span", {}, title(t.from), " → ", el("b", {}, title(t.to)), t.to === "mql" ? kind(t.kind) : null, el("span", {class: "dim"}, ` with ${points(t.score)}`)),
    el("span", {class: "more"}, t.cause.replace("_", " ") + (t.rule ? `: ${t.rule}` : ""), t.time_in_from_ms === null ? "" : t.time_in_from_ms ? ` · after ${span(t.time_in_from_ms)}` : " · at once", t.owner ? ` · ${plain(t.owner)}` : "",
      t.reasons.length ? ` · ${t.reasons.map(r => `${r.rule} ${signed(r.points)}`).join(", ")}` : ""));
}

function historyPart(e, h) {
  if (h instanceof Error) return [el("h3", {}, "Score over time"), el("p", {class: "dim"}, h.message)];
  if (!h) return [el("h3", {}, "Score over time"), el("p", {class: "dim"}, "Reading its transitions back …")];
  return [el("h3", {}, "Score over time"), plot(e, h), el("h3", {}, "Stages so far"),
    h.transitions.length ? el("ol", {class: "steps"}, [...h.transitions].reverse().map(stepItem)) : el("p", {class: "dim"}, "No transition yet."),
    h.complete || !h.transitions.length && !h.why ? "" : el("p", {class: "dim"}, h.why || "Earlier ones are no longer kept in the topic.")];
}

function showContact(e) {
  const where = e.source.from === "memory" ? "from memory" : "from Redis, as of the last checkpoint";
  set($("contact-body"), facts(e), el("p", {class: "why"}, `Why ${title(e.stage)}: ${e.why}.`), el("h3", {}, "What is missing for the next stage"), nextList(e),
    historyPart(e, contact.history), el("h3", {}, "What the score is made of"), sumTable(e),
    el("p", {class: "foot"}, `Partition ${e.source.partition}, ${where}; last event ${moment(e.source.clock)}. Model ${e.model} ${e.model_version}.`));
}

async function readHistory(id) {
  try { return await ask(`/v1/contacts/${encodeURIComponent(id)}/history`); } catch (error) { return error; }
}

async function lookAtContact() {
  const id = contact.id;
  if (id === null) return;
  try {
    const e = await ask(`/v1/contacts/${encodeURIComponent(id)}/explain`);
    if (contact.id !== id) return;
    const moved = e.seq !== contact.seq;
    contact.seq = e.seq;
    contact.e = e;
    showContact(e);
    if (!moved) return;
    const h = await readHistory(id);
    if (contact.id !== id) return;
    contact.history = h;
    showContact(contact.e);
  } catch (error) {
    if (contact.id === id && !contact.e) set($("contact-body"), el("p", {class: "note"}, error.status ? error.message : "hotlead does not answer."));
  }
}

function openContact(id) {
  hideTip();
  Object.assign(contact, {id, seq: -1, history: null, e: null});
  set($("contact-id"), plain(id));
  set($("contact-body"), el("p", {class: "note"}, "Loading …"));
  if (!$("contact").open) $("contact").showModal();
  $("contact").scrollTop = 0;
  $("contact-id").focus();
  lookAtContact();
}

/* The address names the contact, so that back closes it and a link opens it. */
function goTo(id) { location.hash = id === null ? "" : "#contact/" + encodeURIComponent(id); }
function followAddress() {
  let id = null;
  if (location.hash.startsWith("#contact/")) try { id = decodeURIComponent(location.hash.slice(9)); } catch { id = null; }
  if (id) openContact(id);
  else if ($("contact").open) $("contact").close();
}

/* --- colours --- */

function colours(choice) {
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  localStorage.setItem("hotlead-theme", choice);
}

function begin() {
  const choice = localStorage.getItem("hotlead-theme") || "auto";
  colours(choice);
  for (const input of $("theme").querySelectorAll("input")) { input.checked = input.value === choice; input.onchange = () => colours(input.value); }
  $("forget").hidden = token.get() === null;
  $("forget").onclick = () => { token.set(null); location.reload(); };
  $("pause").onclick = pause;
  fillStages();
  $("find").onsubmit = event => { event.preventDefault(); const id = $("find-id").value.trim(); if (id) goTo(id); };
  document.addEventListener("click", event => { const b = event.target.closest("button.id"); if (b) { contact.from = b.dataset.contact; goTo(b.dataset.contact); } });
  for (const name of ["mouseover", "focusin"]) document.addEventListener(name, pointed);
  for (const name of ["mouseout", "focusout"]) document.addEventListener(name, event => { if (event.target instanceof Element && event.target.closest("button.id, .tip")) hideSoon(); });
  tip.node.addEventListener("mouseenter", () => clearTimeout(tip.timer));
  document.addEventListener("keydown", event => { if (event.key === "Escape") hideTip(); });
  $("contact-close").onclick = () => $("contact").close();
  $("contact").addEventListener("close", () => {
    contact.id = null;
    if (location.hash.startsWith("#contact/")) history.replaceState(null, "", location.pathname);
    const back = [...document.querySelectorAll("main button.id")].find(b => b.dataset.contact === contact.from);
    if (back) back.focus(); /* a table that was made anew meanwhile has another button for it */
  });
  addEventListener("hashchange", followAddress);
  document.addEventListener("visibilitychange", () => { if (document.hidden && live.abort) live.abort.abort(); });
  every(2000, lookAtStatus, statusFails);
  every(5000, lookAtFunnel, error => { if (error.status && !Object.keys(stageCounts).length) set($("funnel"), el("tr", {}, el("td", {colspan: 9, class: "note"}, error.message))); });
  every(3000, lookAtHottest, hottestFails);
  every(300000, lookAtModel, () => {});
  every(5000, lookAtContact, () => {});
  every(5000, async () => { if (tried) await lookAtShadow(); }, () => {});
  setInterval(flush, 500);
  setInterval(sayWhatHappened, 30000);
  follow();
  followAddress();
}

begin();
