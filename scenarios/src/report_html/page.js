'use strict';
// The page has its data in scripts of JSON: `run` for the list, `chart-N` for the chart of scenario N, read when it's
// opened. Times are whole microseconds. A chart's lists, each entry an array:
//   arrows: protocol, from lane, to lane, sent, arrived (-1: never), label, remarks, text (places in `texts`),
//           flags (1 lost, 2 again, 4 copied), answers which, packet
//   bands: from lane, to lane, begin, end, arrived, lost, why, MOS, windows of (begin, width, arrived, lost, MOS)
//   states: lane, begin, end, agent, status, class
//   doings: begin, end or null, lanes (none: all), what, outcome, manner (0 nothing goes on, 1 all does, worse, 2 it's aimed)
//   violations: at, name, what, rule, packets
const $ = id => document.getElementById(id);
const json = id => { const script = $(id); return script && JSON.parse(script.textContent); };
const run = json('run');
const SVG = 'http://www.w3.org/2000/svg';
const ROW = 25, TOP = 14, GUTTER = 112, SLANT = 3 * ROW, SCREEN = 5;
const MARKS = { passed: '✓', failed: '✗', bug: '✗', nondeterministic: '≠', 'not-exercised': '○' };
const WORDS = { passed: 'passed', failed: 'failed', bug: 'bug of busyhour', nondeterministic: 'nondeterministic', 'not-exercised': 'not exercised' };

function make(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...inside.filter(one => one != null));
  return element;
}
const escaped = text => String(text).replace(/[<>&"]/g, sign => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[sign]);
const grouped = number => Number(number).toLocaleString('en-US');
function clock(us) {
  const two = number => String(number).padStart(2, '0'), seconds = Math.floor(us / 1e6), ms = String(Math.floor(us / 1e3) % 1e3).padStart(3, '0');
  return seconds < 3600 ? `${seconds}.${ms} s` : `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${ms}`;
}
function lasted(us) {
  if (us < 1e3) return `${us} µs`;
  if (us < 1e6) return `${+(us / 1e3).toPrecision(3)} ms`;
  if (us < 12e7) return `${+(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  return us < 72e8 ? `${Math.round(us / 6e7)} min` : `${+(us / 36e8).toFixed(1)} h`;
}
const cpu = seconds => seconds == null ? null : seconds < 1 ? `${Math.max(1, Math.round(seconds * 1e3))} ms` : `${seconds.toFixed(1)} s`;

// --- summary and list --------------------------------------------------------------------------------------------

const shown = { kinds: new Set(['failed', 'nondeterministic', 'not-exercised', 'passed']), scenario: -1 };
const kindOf = scenario => scenario.kind === 'bug' ? 'failed' : scenario.kind;

function summary() {
  const { passed, failed, notExercised, different, neverHit } = run;
  const all = passed + failed + notExercised + different;
  const verdict = failed || different || neverHit ? 'failed' : notExercised ? 'not-exercised' : 'passed';
  const runs = run.seeds > 1 ? 'runs' : all === 1 ? 'scenario' : 'scenarios';
  $('verdict').className = verdict;
  // That a run wasn't the same a second time is worse than any failure; that chance spared a fault with every seed is one.
  const bad = [
    different ? `≠ ${grouped(different)} of ${grouped(all)} ${runs} came out differently` : '', failed ? `✗ ${grouped(failed)} of ${grouped(all)} ${runs} failed` : '',
    neverHit ? `✗ ${grouped(neverHit)} ${neverHit === 1 ? 'scenario' : 'scenarios'} never exercised with any seed` : '',
  ].filter(Boolean);
  $('verdict').textContent = bad.length ? bad.join(' · ')
    : notExercised ? `○ ${grouped(notExercised)} of ${grouped(all)} ${runs} exercised nothing` : `✓ ${grouped(all)} ${runs} passed`;
  document.title = `${$('verdict').textContent} · busyhour`;
  const figures = [
    ['simulated', run.simulated], ['of processor', cpu(run.cpu)], ['packets', grouped(run.packets)],
    [run.seeds > 1 ? `seeds from ${run.firstSeed}` : '', run.seeds > 1 ? grouped(run.seeds) : `seed ${run.firstSeed}`],
    ['invariants judged', grouped(run.judged)], ['faults hit', grouped(run.faults)],
  ];
  $('figures').replaceChildren(...figures.filter(([, value]) => value != null).map(([name, value]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  const counts = { failed: failed + neverHit, nondeterministic: different, 'not-exercised': notExercised, passed };
  $('kinds').replaceChildren(...Object.entries(counts).filter(([, count]) => count).map(([kind, count]) =>
    chip(`${MARKS[kind]} ${WORDS[kind]}`, count, true, on => {
      shown.kinds[on ? 'add' : 'delete'](kind);
      list();
    })));
}

function chip(text, count, pressed, toggled, picture) {
  const button = make('button', { type: 'button', class: 'chip', 'aria-pressed': String(pressed) });
  if (picture) button.innerHTML = picture;
  button.append(make('span', {}, text));
  if (count != null) button.append(make('small', {}, grouped(count)));
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(on));
    toggled(on);
  });
  return button;
}

function list() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const parts = [];
  let feature = null;
  run.scenarios.forEach((one, number) => {
    const text = `${one.title} ${one.feature} ${one.tags.map(tag => '@' + tag).join(' ')} ${one.kind}`.toLowerCase();
    if (!shown.kinds.has(kindOf(one)) || !words.every(word => text.includes(word))) return;
    if (one.feature !== feature) parts.push(make('div', { class: 'feature' }, feature = one.feature));
    const seed = one.runs > 1 ? `${grouped(one.runs)} seeds` : run.seeds > 1 ? `seed ${one.seed} · ` : '';
    parts.push(make('button', {
      type: 'button', class: 'scenario', 'data-number': number, 'aria-current': String(number === shown.scenario), onclick: () => go(number),
    },
    make('span', { class: `mark ${one.kind}`, 'aria-label': WORDS[one.kind] }, MARKS[one.kind]), make('span', {}, one.title),
    make('small', {}, one.runs > 1 ? seed : `${seed}${one.simulated}${one.cpu == null ? '' : ` in ${cpu(one.cpu)}`}`)));
  });
  if (run.unlisted) parts.push(make('p', { class: 'feature' }, `and ${grouped(run.unlisted)} more, which are counted and not listed`));
  $('scenarios').replaceChildren(...parts);
  $('none').hidden = parts.length > 0;
}
$('search').addEventListener('input', list);
$('scenarios').addEventListener('keydown', event => {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const all = [...$('scenarios').querySelectorAll('.scenario')];
  const next = all[all.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1)];
  if (next) { event.preventDefault(); next.focus(); }
});

// --- a scenario --------------------------------------------------------------------------------------------------

function go(number) { location.hash = `#${number + 1}`; }

function open(number) {
  const one = run.scenarios[number];
  if (!one) return;
  shown.scenario = number;
  for (const button of $('scenarios').querySelectorAll('.scenario'))
    button.setAttribute('aria-current', String(Number(button.dataset.number) === number));
  closeMessage(false);
  const verdict = [make('span', {}, make('b', { class: `mark ${one.kind}` }, `${MARKS[one.kind]} ${WORDS[one.kind]}`)), make('span', {}, `${one.feature}:${one.line}`)];
  const meta = one.runs > 1 ? [...verdict, make('span', {}, make('b', {}, grouped(one.runs)), ' seeds'), ...one.tags.map(tag => make('span', {}, `@${tag}`))] : [
    ...verdict,
    make('span', {}, 'seed ', make('b', {}, one.seed)), make('span', {}, make('b', {}, one.simulated), ' simulated'),
    one.cpu == null ? null : make('span', {}, make('b', {}, cpu(one.cpu)), ' of processor'), make('span', {}, make('b', {}, grouped(one.packets)), ' packets'),
    make('span', {}, make('b', {}, grouped(one.judged)), ' judged by invariants'),
    one.faults[1] ? make('span', {}, make('b', {}, `${one.faults[0]} of ${one.faults[1]}`), ' faults hit') : null,
    ...one.tags.map(tag => make('span', {}, `@${tag}`)), ...links(one),
  ];
  const failed = one.steps.find(step => step[2] === 'failed' && step[5]);
  const steps = one.steps.length === 0 ? null : make('details', { open: !$(`chart-${number}`) }, make('summary', {}, `${one.steps.length} steps${failed ? `; step ${one.steps.indexOf(failed) + 1} failed` : ''}`),
    make('ol', { class: 'steps' }, ...one.steps.map(step => line(step))));
  const replay = one.replay === '' ? null : make('div', { class: 'replay' }, make('code', {}, one.replay), make('button', {
    type: 'button', class: 'plain', 'aria-label': 'Copy the replay command', onclick: event => {
      navigator.clipboard?.writeText(one.replay).then(() => { event.target.textContent = 'Copied'; }, () => {});
    },
  }, 'Copy'));
  $('about').replaceChildren(make('h2', {}, one.title), make('div', { class: 'meta' }, ...meta.filter(Boolean)),
    ...[failed ? culprit(failed) : null, ...one.reasons.map(reason => make('p', { class: 'reason' }, reason)), replay, steps].filter(Boolean));
  const data = json(`chart-${number}`);
  $('chart').hidden = !data;
  $('missing').hidden = Boolean(data);
  if (data) draw(data, one);
  else $('missing').textContent = `The chart of this scenario isn't in this page: ${one.missing}. `
    + (one.replay === '' ? '' : one.folder ? `\`busyhour show ${one.folder} --format html\` shows it alone.` : `\`${one.replay}\` runs it again.`);
  $('detail').scrollTop = 0;
}

// What failed, before all else: whoever opens a report asks that first.
function culprit([keyword, text, , begin, , message]) {
  const at = begin == null ? null : make('button', { type: 'button', class: 'plain', onclick: () => seek(begin, true, 0.6) }, `at ${clock(begin)}`);
  return make('div', { class: 'reason culprit' }, make('div', {}, make('span', { class: 'mark failed', 'aria-label': 'failed' }, '✗'), make('b', {}, ` ${keyword} ${text}`)), at, make('p', {}, message));
}

function links(one) {
  const names = { 'wire.pcapng': 'pcap', 'wire-decrypted.pcapng': 'decrypted pcap', 'wire.keys': 'keys', 'events.txt': 'event log', 'diagram.txt': 'diagram' };
  const files = [...Object.keys(names).filter(file => one.files.includes(file)), ...one.files.filter(file => file.endsWith('.wav'))];
  return files.map(file => {
    const way = [...one.folder.split('/'), file].map(encodeURIComponent).join('/');
    return make('a', { href: one.folder.startsWith('/') ? `file://${way}` : way }, names[file] || file);
  });
}

function line([keyword, text, status, begin, , message]) {
  const mark = make('span', { class: `mark ${status}`, 'aria-label': status }, status === 'skipped' ? '–' : MARKS[status]);
  const at = begin == null ? '' : make('button', { type: 'button', 'aria-label': `To ${clock(begin)}`, onclick: () => seek(begin, true) }, clock(begin));
  return make('li', { class: status }, mark, make('span', { class: 'keyword' }, keyword), make('span', {}, text),
    make('time', {}, at), message ? make('pre', {}, message) : null);
}

// --- the chart: where things stand -------------------------------------------------------------------------------

let chart = null;

function draw(data, scenario) {
  const counts = data.protocols.map(() => 0);
  data.arrows.forEach(arrow => counts[arrow[0]]++);
  chart = {
    ...data, scenario, counts, at: 0, chosen: -1, drawn: [0, 0],
    // Screens that poll each second hide what else there is; what they showed is there as states.
    protocolsOn: new Set(data.protocols.map((_, number) => number).filter(number => number !== SCREEN || counts[SCREEN] <= 12 || counts[SCREEN] === data.arrows.length)),
    lanesOn: concerned(data),
    guilty: new Set(data.violations.flatMap(violation => violation[4])),
  };
  $('protocols').replaceChildren(...data.protocols.map((name, number) => counts[number] === 0 ? null : chip(name, counts[number], chart.protocolsOn.has(number), on => {
    chart.protocolsOn[on ? 'add' : 'delete'](number);
    layout();
  }, `<svg aria-hidden="true" viewBox="0 0 26 10"><path class="arrow p${number}" d="M0 5H20"/>${head(26, 5, 1, 0, number)}</svg>`)).filter(Boolean));
  $('parties').replaceChildren(...data.parties.map((name, lane) => chip(name, null, chart.lanesOn.has(lane), on => {
    chart.lanesOn[on ? 'add' : 'delete'](lane);
    layout();
  })));
  $('time').max = Math.max(1, data.end);
  $('end').textContent = clock(data.end);
  $('stage').scrollTop = 0;
  layout();
  overview();
  // Where something went wrong is what somebody wants to see, with what came before it.
  const failed = scenario.steps.find(step => step[2] === 'failed' && step[3] != null);
  const at = scenario.kind === 'failed' && data.violations.length && !failed ? data.violations[0][0] : failed?.[3];
  seek(at ?? 0, at != null, 0.6);
}

// Who does nothing but register has no lane until somebody asks for it, as long as others have something to say.
function concerned(data) {
  const idle = /^(REGISTER|OPTIONS|WebSocket)|\((REGISTER|OPTIONS)\)/;
  const lanes = new Set();
  for (const [, from, to, , , label] of data.arrows) if (!idle.test(data.texts[label])) lanes.add(from).add(to);
  for (const [from, to] of data.bands) lanes.add(from).add(to);
  for (const [lane] of data.states) lanes.add(lane);
  for (const [, , of] of data.doings) of.forEach(lane => lanes.add(lane));
  lanes.delete(-1);
  return lanes.size > 1 ? lanes : new Set(data.parties.map((_, lane) => lane));
}

// Everything that begins has a row of its own; rows stand further apart where more time passes between them.
function layout() {
  const rows = [];
  const on = lane => lane < 0 || chart.lanesOn.has(lane);
  const touches = lanes => lanes.length === 0 || lanes.some(on);
  chart.scenario.steps.forEach((step, index) => { if (step[3] != null) rows.push([step[3], 0, index]); });
  chart.doings.forEach((doing, index) => { if (touches(doing[2])) rows.push([doing[0], 1, index]); });
  chart.arrows.forEach((arrow, index) => { if (chart.protocolsOn.has(arrow[0]) && on(arrow[1]) && on(arrow[2])) rows.push([arrow[3], 2, index]); });
  chart.bands.forEach((band, index) => { if (on(band[0]) && on(band[1])) rows.push([band[2], 3, index]); });
  chart.states.forEach((state, index) => { if (on(state[0])) rows.push([state[1], 4, index]); });
  chart.violations.forEach((violation, index) => rows.push([violation[0], 5, index]));
  rows.sort((a, b) => a[0] - b[0] || (a[1] < 2 || b[1] < 2 ? a[1] - b[1] : 0));
  let y = TOP, before = 0, kind = -1;
  for (const row of rows) {
    const pause = row[0] - before;
    // A label stands above its arrow, and needs room below the bar of a step.
    const bar = (kind === 0 || kind === 1) && row[1] !== kind ? 7 : 0;
    [before, kind] = row;
    y += ROW + bar + (pause < 5e4 ? 0 : Math.min(110, 13 * Math.log(1 + pause / 1e5)));
    row.push(y);
  }
  chart.rows = rows;
  chart.height = y + 3 * ROW;
  chart.messages = rows.filter(row => row[1] === 2);
  chart.place = new Map(chart.messages.map((row, place) => [row[2], place]));
  chart.lanes = chart.parties.map((_, lane) => lane).filter(lane => chart.lanesOn.has(lane));
  const room = Math.max(560, $('stage').clientWidth - 24) - GUTTER;
  const width = Math.max(132, Math.min(250, room / Math.max(1, chart.lanes.length)));
  chart.x = new Map(chart.lanes.map((lane, place) => [lane, GUTTER + width * (place + 0.5)]));
  chart.laneWidth = width;
  chart.width = Math.max(GUTTER + width * chart.lanes.length + 40, $('stage').clientWidth);
  chart.strips = strips();
  chart.bandAt = chart.bands.map(([, , begin, end]) => [yOf(begin), yOf(end)]);
  $('canvas').style.height = `${chart.height}px`;
  $('canvas').style.width = $('lanes').style.width = `${chart.width}px`;
  $('lanes').replaceChildren(...chart.lanes.map(lane => {
    const head = make('div', { class: 'lane' }, make('b', {}, chart.parties[lane]), make('small', { 'data-lane': lane }));
    head.style.left = `${chart.x.get(lane)}px`;
    return head;
  }));
  render(true);
  tellLanes();
}

// Whoever hears several has a strip for each, on the side from which it comes.
function strips() {
  const places = new Map(), taken = new Map();
  for (const [from, to] of chart.bands) {
    const way = `${from}>${to}`;
    if (places.has(way) || !chart.x.has(from) || !chart.x.has(to)) continue;
    const side = chart.x.get(from) < chart.x.get(to) ? -1 : 1;
    const key = `${to}${side}`, count = taken.get(key) || 0;
    taken.set(key, count + 1);
    places.set(way, chart.x.get(to) + side * (6 + 18 * count) - (side < 0 ? 16 : 0));
    places.set(`${way}side`, side);
  }
  // Labels begin behind the strips of the lane at which they stand.
  chart.inset = new Map(chart.lanes.map(lane => [chart.x.get(lane), 12 + 18 * (taken.get(`${lane}1`) || 0)]));
  return places;
}

/// The place of the last row that begins before or at `at`; -1 if none does.
function rowBefore(at, rows = chart.rows) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function yOf(at) {
  const { rows } = chart;
  const place = rowBefore(at);
  if (place < 0) return rows.length ? Math.min(TOP, rows[0][3]) : TOP;
  const before = rows[place], next = rows[place + 1];
  if (!next) return before[3] + (at > before[0] ? ROW : 0);
  return before[3] + (at - before[0]) / (next[0] - before[0]) * (next[3] - before[3]);
}

function timeOf(y) {
  const { rows } = chart;
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][3] <= y) low = middle + 1; else high = middle;
  }
  const before = rows[low - 1], next = rows[low];
  if (!before) return 0;
  if (!next) return before[0];
  return Math.round(before[0] + (y - before[3]) / (next[3] - before[3]) * (next[0] - before[0]));
}

// --- the chart: what is in view ----------------------------------------------------------------------------------

function render(anew) {
  if (!chart) return;
  const stage = $('stage');
  const top = Math.max(0, stage.scrollTop - 600), bottom = stage.scrollTop + stage.clientHeight + 600;
  if (!anew && stage.scrollTop - 200 >= chart.drawn[0] && stage.scrollTop + stage.clientHeight + 200 <= chart.drawn[1]) return;
  chart.drawn = [top === 0 ? -1e9 : top, bottom >= chart.height ? 1e9 : bottom];
  const parts = [`<defs><pattern id="cut" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="cutback" width="8" height="8"/><path class="cutline" d="M0 0V8"/></pattern><pattern id="lossy" width="4" height="4" patternUnits="userSpaceOnUse"><path class="lossline" d="M0 1H4"/></pattern></defs>`];
  const inView = (from, to) => to >= top && from <= bottom;
  for (const doing of chart.doings) {
    const lanes = (doing[2].length ? doing[2] : chart.lanes).map(lane => chart.x.get(lane)).filter(x => x != null);
    if (doing[1] == null || !lanes.length) continue;
    const from = yOf(doing[0]) - 8, to = Math.max(from + 8, yOf(doing[1]));
    if (inView(from, to)) parts.push(rect(doing[5] ? 'condition' : 'fault', Math.min(...lanes) - 26, from, Math.max(...lanes) - Math.min(...lanes) + 52, to - from, 5));
  }
  for (const x of chart.x.values()) parts.push(`<path class="life" d="M${x} 0V${chart.height}"/>`);
  chart.bands.forEach((band, index) => { if (inView(...chart.bandAt[index])) strip(band, chart.bandAt[index], parts, inView); });
  for (const state of chart.states) {
    const x = chart.x.get(state[0]);
    if (x == null) continue;
    const from = yOf(state[1]), to = Math.max(from + 2, yOf(state[2]));
    if (inView(from, to)) parts.push(`<g><title>${escaped(`${state[3]} ${state[4]}, ${lasted(state[2] - state[1])}`)}</title>${rect(`state ${state[5]}`, x - 4.5, from, 9, to - from, 3)}</g>`);
  }
  parts.push(`<path id="cursor" class="cursor" d="M0 ${yOf(chart.at)}H${chart.width}"/>`);
  let first = 0;
  while (first < chart.rows.length && chart.rows[first][3] < top) first++;
  for (let place = first; place < chart.rows.length && chart.rows[place][3] <= bottom; place++) parts.push(drawRow(chart.rows[place], chart.rows[place - 1]));
  $('canvas').innerHTML = `<svg width="${chart.width}" height="${chart.height}" role="presentation">${parts.join('')}</svg>`;
}

const rect = (name, x, y, width, height, round = 0) => `<rect class="${name}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" rx="${round}"/>`;
const text = (name, x, y, inside) => `<text class="${name}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${inside}</text>`;

function strip([from, to, begin, end, , , why, , windows], [y, last], parts, inView) {
  const x = chart.strips.get(`${from}>${to}`);
  if (x == null) return;
  const until = Math.max(y + 2, last);
  parts.push(rect('sound', x, y, 16, until - y, 2));
  const side = chart.strips.get(`${from}>${to}side`);
  const across = mos => side < 0 ? x + 16 - (mos - 1) / 3.5 * 16 : x + (mos - 1) / 3.5 * 16;
  let path = '';
  for (const [at, width, arrived, lost, mos] of windows) {
    const top = yOf(Math.max(at, begin)), bottom = Math.max(top + 1.5, yOf(Math.min(at + width, end)));
    path += `${path ? 'L' : 'M'}${across(mos).toFixed(1)} ${top.toFixed(1)}V${bottom.toFixed(1)}`;
    if (!inView(top, bottom)) continue;
    const share = Math.round(lost / (lost + arrived) * 100);
    const told = `${clock(at)}: ${share}% lost${lost && why ? ` (${why})` : ''}, MOS ${mos.toFixed(1)}`;
    parts.push(`<g><title>${escaped(told)}</title>${rect(lost ? 'loss' : 'quiet', x, top, 16, bottom - top)}</g>`);
  }
  parts.push(`<path class="mos" d="${path}"/>`);
}

function drawRow([at, kind, index, y], before) {
  const time = !before || before[0] !== at || before[1] === 0 ? text('at', GUTTER - 18, y + 4, clock(at)) : '';
  switch (kind) {
    case 0: {
      const [keyword, words, status] = chart.scenario.steps[index];
      return `<g class="steprow ${status}">${rect('', 8, y - 11, chart.width - 16, 21, 5)}${text('', 18, y + 4, `${status === 'failed' ? '✗ ' : ''}<tspan class="keyword">${escaped(keyword)}</tspan> ${escaped(words)}`)}${text('at', chart.width - 22, y + 4, clock(at))}</g>`;
    }
    case 1: {
      const [begin, end, lanes, what, outcome, manner] = chart.doings[index];
      const x = Math.min(...lanes.map(lane => chart.x.get(lane) ?? 1e9), chart.width);
      const lasts = end == null ? '' : end === chart.end ? ' to the end' : `${manner === 2 ? ', struck after' : ' for'} ${lasted(end - begin)}`;
      const told = `⚡ ${what}${lasts}${outcome ? ` (${outcome})` : ''}`;
      return time + text('doing', within(lanes.length && x < chart.width ? x - 18 : GUTTER, told), y + 4, escaped(told));
    }
    case 2: return time + drawArrow(index, y);
    case 3: {
      const [from, to, begin, end, arrived, lost, why, mos] = chart.bands[index];
      const [x, until] = [chart.x.get(from), chart.x.get(to)];
      const told = `♪ audio ${lasted(end - begin)}, MOS ${mos.toFixed(1)}${lost ? `, ${lost} of ${lost + arrived} lost${why ? `: ${why}` : ''}` : ''}`;
      const right = x < until ? 1 : -1, gap = Math.abs(chart.strips.get(`${from}>${to}`) + 8 - until) + 10;
      return `${time}<path class="arrow p2" style="stroke:var(--sound)" d="M${x} ${y}H${until - right * gap}"/>${text('label heard', labelAt(x, until), y - 5, escaped(told))}`;
    }
    case 4: {
      const [lane, , , agent, status] = chart.states[index];
      const same = agent === chart.parties[lane];
      return time + text('status', chart.x.get(lane) + 10, y + 4, escaped(same ? status : `${agent} ${status}`));
    }
    default: {
      const [, name, what] = chart.violations[index];
      return time + text('doing', GUTTER, y + 4, escaped(`✗ ${name} is broken: ${what}`));
    }
  }
}

// Words that would run out of the picture begin further left, as far as there's room.
const within = (x, words) => Math.max(Math.min(GUTTER, x), Math.min(x, chart.width - 24 - words.length * 6.7));

function head(x, y, dx, dy, protocol) {
  const length = Math.hypot(dx, dy) || 1, [ux, uy] = [dx / length, dy / length];
  const at = (back, aside) => `${(x - back * ux - aside * uy).toFixed(1)} ${(y - back * uy + aside * ux).toFixed(1)}`;
  // A diamond for webhooks, a full head for SIP, an open one for all others: readable without colour.
  if (protocol === 3) return `<path class="h3" d="M${at(0, 0)}L${at(6, 4.5)}L${at(12, 0)}L${at(6, -4.5)}z"/>`;
  if (protocol === 0) return `<path class="h0" d="M${at(0, 0)}L${at(9, 4)}L${at(9, -4)}z"/>`;
  return `<path class="arrow p${protocol}" style="stroke-dasharray:none;stroke-width:1.7" d="M${at(8, 4)}L${at(0, 0)}L${at(8, -4)}"/>`;
}

const labelAt = (x, until) => Math.min(x, until) + (chart.inset.get(Math.min(x, until)) ?? 12);

// An arrow that arrives as it's expected to is nearly level, so that labels can be read; one that others cross or
// overtake, or that takes long, goes down to where it arrived.
function endOf(index, y) {
  const [, from, to, sent, ended] = chart.arrows[index];
  const { messages } = chart;
  const slow = ended - sent >= 1e5;
  for (let place = chart.place.get(index) + 1, far = place + 40; place < far && place < messages.length && messages[place][0] < ended; place++) {
    const other = chart.arrows[messages[place][2]];
    const crosses = other[1] === to && other[2] === from, overtakes = other[1] === from && other[2] === to && other[4] >= 0 && other[4] < ended;
    if (slow || crosses || overtakes) return Math.min(y + SLANT, Math.max(y, yOf(ended)));
  }
  return y + 4;
}

function drawArrow(index, y) {
  const [protocol, from, to, , ended, label, told, , flags, , packet] = chart.arrows[index];
  const known = lane => lane >= 0 ? chart.x.get(lane) : null;
  const x = known(from) ?? known(to) ?? GUTTER;
  let until = known(to) ?? x + chart.laneWidth * 0.45;
  if (from === to) until = x + 44;
  else if (known(from) == null) until = x - chart.laneWidth * 0.45;
  const lost = flags & 1, right = x < until ? 1 : -1;
  const end = lost ? y : endOf(index, y);
  let line;
  if (lost) {
    const stop = x + (until - x) * 0.62;
    line = `<path class="arrow p${protocol}" d="M${x} ${y}H${stop}"/><path class="cross" d="M${stop - 5} ${y - 5}l10 10m0 -10l-10 10"/>`;
  } else {
    line = `<path class="arrow p${protocol}" d="M${x} ${y}L${until - right * 5} ${end}"/>${head(until - right, end, until - x, end - y, protocol)}`;
  }
  const words = [`<tspan class="name">${escaped(chart.texts[label])}</tspan>`];
  if (told) words.push(`<tspan class="told"> · ${escaped(chart.texts[told])}</tspan>`);
  const left = Math.min(x, until), place = chart.place.get(index);
  const classes = ['message', lost && 'lost', flags & 6 && 'again', chart.guilty.has(packet) && 'guilty', index === chart.chosen && 'chosen'].filter(Boolean).join(' ');
  const said = `${clock(chart.arrows[index][3])}, ${chart.parties[from] ?? 'the network'} to ${chart.parties[to] ?? 'somebody'}: ${chart.texts[label]}${told ? `, ${chart.texts[told]}` : ''}`;
  return `<g id="arrow-${index}" class="${classes}" data-arrow="${index}" role="option" aria-selected="${index === chart.chosen}" aria-posinset="${place + 1}" aria-setsize="${chart.messages.length}" aria-label="${escaped(said)}">${rect('back', left - 4, y - 17, Math.max(Math.abs(until - x) + 8, 60), 24, 5)}<path class="hit" d="M${x} ${y - 5}H${until}"/>${line}${text('label', labelAt(x, until), y - 5, words.join(''))}</g>`;
}

// --- the clock ---------------------------------------------------------------------------------------------------

// The whole run by one even scale: a tick where something was said, red where something was lost.
function overview() {
  const width = 1000, height = 44, end = Math.max(1, chart.end);
  const x = at => at / end * width;
  const parts = ['<defs><pattern id="cut-small" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="cutline" d="M0 0V6"/></pattern></defs>'];
  for (const [begin, until, , , , manner] of chart.doings)
    if (until != null && manner) parts.push(`<rect x="${x(begin)}" width="${Math.max(2, x(until) - x(begin))}" height="3" fill="var(--bad)" fill-opacity=".4"/>`);
    else if (until != null) parts.push(`<rect x="${x(begin)}" width="${Math.max(2, x(until) - x(begin))}" height="${height}" fill="url(#cut-small)"/>`);
    else parts.push(`<rect x="${x(begin)}" width="1.6" height="9" fill="var(--bad)"/>`);
  // Audio in as many pieces as can be told apart, however many bands there are.
  const pieces = new Uint8Array(501), place = at => Math.max(0, Math.min(500, Math.round(at / end * 500)));
  for (const [, , begin, until, , , , , windows] of chart.bands) for (const [at, wide, , lost] of windows)
    for (let piece = place(Math.max(at, begin)), last = place(Math.min(at + wide, until)); piece <= last; piece++) pieces[piece] |= lost ? 3 : 1;
  for (let from = 0; from <= 500;) {
    let to = from + 1;
    while (to <= 500 && pieces[to] === pieces[from]) to++;
    if (pieces[from]) parts.push(`<rect x="${from * 2}" y="37" width="${(to - from) * 2}" height="4" fill="var(--${pieces[from] & 2 ? 'bad' : 'sound'})"/>`);
    from = to;
  }
  const buckets = new Map();
  for (const [protocol, , , sent, , , , , flags] of chart.arrows) {
    const key = `${Math.round(x(sent) / 2)} ${protocol}`;
    buckets.set(key, (buckets.get(key) || 0) | (flags & 1) | 2);
  }
  for (const [key, what] of buckets) {
    const [place, protocol] = key.split(' ').map(Number);
    const top = 10 + (protocol === 3 ? 13 : protocol >= 4 ? 17 : 0), tall = protocol === 0 ? 12 : 7;
    parts.push(`<rect x="${place * 2}" y="${top}" width="1.4" height="${tall}" fill="${what & 1 ? 'var(--bad)' : `var(--${['sip', 'websocket', 'media', 'webhook', 'http', 'screen', 'tcp'][protocol]})`}"/>`);
  }
  $('overview').setAttribute('viewBox', `0 0 ${width} ${height}`);
  $('overview').innerHTML = parts.join('');
}

function seek(at, scroll, share = 0.35) {
  if (!chart) return;
  chart.at = Math.max(0, Math.min(chart.end, Math.round(at)));
  $('time').value = chart.at;
  $('time').setAttribute('aria-valuetext', clock(chart.at));
  $('now').textContent = clock(chart.at);
  const y = yOf(chart.at);
  if (scroll) {
    $('stage').scrollTop = Math.max(0, y - $('stage').clientHeight * share);
    chart.sought = $('stage').scrollTop;
    render(false);
  }
  $('cursor')?.setAttribute('d', `M0 ${y}H${chart.width}`);
  tellLanes();
}

// What holds for each party at the clock's moment.
function tellLanes() {
  for (const small of $('lanes').querySelectorAll('small')) {
    const lane = Number(small.dataset.lane), told = [];
    for (const state of chart.states) if (state[0] === lane && state[1] <= chart.at && chart.at < state[2]) told.push(state[4]);
    for (const doing of chart.doings) if (doing[1] != null && !doing[5] && doing[2].includes(lane) && doing[0] <= chart.at && chart.at < doing[1]) told.push('⚡');
    for (const band of chart.bands) {
      if (band[1] !== lane || band[2] > chart.at || chart.at > band[3]) continue;
      const now = band[8].filter(part => part[0] <= chart.at).pop();
      if (now) told.push(`♪ ${chart.parties[band[0]]} ${now[4].toFixed(1)}`);
    }
    small.textContent = told.slice(0, 3).join(' · ');
  }
}

$('time').addEventListener('input', event => seek(Number(event.target.value), true));
$('time').addEventListener('keydown', event => {
  const { rows } = chart, here = rowBefore(chart.at);
  let to = null;
  if (event.key === 'ArrowRight' || event.key === 'ArrowUp') to = rows[here + 1]?.[0] ?? chart.end;
  if (event.key === 'ArrowLeft' || event.key === 'ArrowDown') {
    let before = here;
    while (before >= 0 && rows[before][0] >= chart.at) before--;
    to = rows[before]?.[0] ?? 0;
  }
  if (event.key === 'PageUp') to = chart.at + chart.end / 20;
  if (event.key === 'PageDown') to = chart.at - chart.end / 20;
  if (to == null) return;
  event.preventDefault();
  seek(to, true);
});
$('stage').addEventListener('scroll', () => {
  if (chart?.scheduled) return;
  if (chart) chart.scheduled = true;
  requestAnimationFrame(() => {
    if (!chart) return;
    chart.scheduled = false;
    render(false);
    // Whoever scrolls moves the clock; whoever moves the clock scrolls.
    if (chart.sought !== $('stage').scrollTop && chart.chosen < 0) seek(timeOf($('stage').scrollTop + $('stage').clientHeight * 0.35 - (chart.height > $('stage').clientHeight ? 0 : 1e9)), false);
    chart.sought = null;
  });
});
new ResizeObserver(() => { if (chart && $('stage').clientWidth !== chart.seenWidth) { chart.seenWidth = $('stage').clientWidth; layout(); } }).observe($('stage'));

// --- messages ----------------------------------------------------------------------------------------------------

function choose(index) {
  chart.chosen = index;
  const row = chart.messages[chart.place.get(index)];
  if (!row) return;
  const stage = $('stage'), y = row[3] + $('lanes').offsetHeight;
  if (y - 80 < stage.scrollTop + 30 || y + 60 > stage.scrollTop + stage.clientHeight) stage.scrollTop = Math.max(0, y - stage.clientHeight * 0.4);
  seek(row[0], false);
  render(true);
  stage.setAttribute('aria-activedescendant', `arrow-${index}`);
}

function step(by) {
  if (!chart.messages.length) return;
  const here = chart.chosen >= 0 ? chart.place.get(chart.chosen) ?? -1 : rowBefore(chart.at - 1, chart.messages);
  const next = Math.max(0, Math.min(chart.messages.length - 1, here + by));
  choose(chart.messages[next][2]);
  if (!$('message').hidden) showMessage(chart.chosen, false);
}

$('stage').addEventListener('keydown', event => {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 };
  if (event.key in steps) { event.preventDefault(); step(steps[event.key]); }
  if ((event.key === 'Enter' || event.key === ' ') && chart.chosen >= 0) { event.preventDefault(); showMessage(chart.chosen, true); }
});
$('stage').addEventListener('click', event => {
  const message = event.target.closest('[data-arrow]');
  if (!message) return;
  choose(Number(message.dataset.arrow));
  showMessage(chart.chosen, false);
});

function showMessage(index, focus) {
  const [protocol, from, to, sent, ended, label, told, words, flags, answers, packet] = chart.arrows[index];
  $('message-title').textContent = chart.texts[label];
  const facts = [
    ['from', `${chart.parties[from] ?? 'the network'} → ${chart.parties[to] ?? 'somebody'}`], ['over', chart.protocols[protocol]], ['sent', clock(sent)],
    ['arrived', flags & 1 ? 'never' : ended < 0 ? 'unknown' : `${clock(ended)}, after ${lasted(ended - sent)}`], ['packet', `#${packet}`], ['remarks', chart.texts[told]],
  ];
  const blame = chart.violations.filter(violation => violation[4].includes(packet));
  facts.push(...blame.map(violation => ['breaks', `${violation[1]}: ${violation[2]}`]));
  $('message-facts').replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
  const answered = chart.arrows.findIndex(arrow => arrow[9] === index);
  const links = [['the request', answers], ['the answer', answered >= 0 ? answered : null]].filter(([, other]) => other != null && chart.place.has(other));
  $('message-links').replaceChildren(...links.map(([name, other]) => make('button', { type: 'button', class: 'chip', onclick: () => { choose(other); showMessage(other, false); } }, `To ${name}`)));
  $('message-text').innerHTML = readable(chart.texts[words] || '(nothing to be read: this is a packet of a handshake, or a connection)');
  $('message').hidden = false;
  document.body.classList.add('reading');
  if (focus) $('close').focus();
}

// The first line and the names of headers stand out; JSON is laid out.
function readable(words) {
  const [head, ...rest] = words.split('\n\n');
  let body = rest.join('\n\n');
  try { if (/^\s*[[{]/.test(body)) body = JSON.stringify(JSON.parse(body), null, 2); } catch { /* as it is */ }
  const lines = head.split('\n').map((one, number) => number === 0 ? `<b>${escaped(one)}</b>` : escaped(one).replace(/^([\w-]+):/, '<i>$1</i>:'));
  return lines.join('\n') + (body ? `\n\n${escaped(body)}` : '');
}

function closeMessage(focus = true) {
  if ($('message').hidden) return;
  $('message').hidden = true;
  document.body.classList.remove('reading');
  if (focus) $('stage').focus();
}
$('close').addEventListener('click', () => closeMessage());
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') closeMessage();
  if (event.key === '/' && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $('search').focus(); }
});

// --- begin -------------------------------------------------------------------------------------------------------

function fromAddress() {
  const number = Number(location.hash.slice(1)) - 1;
  if (number >= 0 && number < run.scenarios.length) return open(number);
  if (shown.scenario >= 0) return;
  const worst = ['bug', 'nondeterministic', 'failed', 'not-exercised'].map(kind => run.scenarios.findIndex(one => one.kind === kind)).find(place => place >= 0);
  open(worst ?? 0);
}
summary();
list();
addEventListener('hashchange', fromAddress);
// The summary and the list are there at once, and the chart a moment later.
requestAnimationFrame(() => setTimeout(fromAddress));
