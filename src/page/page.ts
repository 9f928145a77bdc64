// The script of report.html: replaces the still charts by ones that can be zoomed, switched and walked. What it draws
// from lies in the page as JSON (report/page-data.ts); it asks nothing of the network.

import { type BootPage, DIGEST_LATENCIES, type PageData, type StagePage } from '../report/page-shape.ts';
import { type ChartBox, chartBox } from './chart.ts';
import { choice, element } from './dom.ts';
import { listsOf, REQUEST_LISTS, requestList } from './requests.ts';
import type { View } from './view.ts';
import {
  CURVE_METRICS,
  curveView,
  distributionView,
  historyView,
  LATENCY_NAMES,
  overTimeView,
  signalView,
  surgeView,
} from './views.ts';

const data = JSON.parse(document.getElementById('page-data')!.textContent) as PageData;
/** What the reader chose, kept while stages are switched. */
const state = { stage: data.stages[0]?.stage, boot: -1, compare: true, chosen: new Map<string, string>() };
let shown: ChartBox[] = [];
const root = document.getElementById('explore');

function show(): void {
  const stage = data.stages.find((one) => one.stage === state.stage)!;
  const boot = stage.boots.find((one) => one.boot === state.boot) ?? stage.boots.findLast((one) => !one.isBase);
  for (const box of shown) box.dispose();
  shown = [];
  const focused = document.activeElement?.id;
  const cards = [
    ...stageCards(stage),
    ...(boot ? bootCards(boot) : []),
    ...(data.problem === null
      ? []
      : [element('p', { class: 'faint' }, `Not all requests could be read: ${data.problem}`)]),
  ];
  root!.replaceChildren(element('h2', {}, 'Explore'), controls(stage, boot), ...cards);
  if (focused) document.getElementById(focused)?.focus();
}

function controls(stage: StagePage, boot: BootPage | undefined): HTMLElement {
  const stages = element('fieldset', {}, element('legend', {}, 'Stage'));
  for (const { stage: name } of data.stages) {
    const radio = element('input', {
      type: 'radio',
      name: 'stage',
      id: `stage-${name}`,
      value: name,
      checked: name === stage.stage,
    });
    radio.addEventListener('change', () => {
      state.stage = name;
      show();
    });
    stages.append(element('label', {}, radio, ` ${name}`));
  }
  const compare = element('input', { type: 'checkbox', id: 'compare', checked: state.compare });
  compare.addEventListener('change', () => {
    state.compare = compare.checked;
    show();
  });
  const boots = stage.boots.map((one) => ({
    value: String(one.boot),
    text: `${one.boot}${one.isBase ? ' (base)' : ''}`,
  }));
  const pickBoot = (value: string): void => {
    state.boot = Number(value);
    show();
  };
  return element(
    'div',
    { class: 'controls' },
    stages,
    hasBaseline(stage) ? element('label', {}, compare, ' Compare with the baseline') : null,
    choice('Boot', boots, String(boot?.boot), pickBoot, 'boot'),
  );
}

const hasBaseline = ({ curve, surge, distributions }: StagePage): boolean =>
  curve?.baseline != null || surge?.baseline != null || distributions.some(({ baseline }) => baseline !== null);

function stageCards(stage: StagePage): HTMLElement[] {
  const { nowLabel } = data;
  const { compare } = state;
  const cards: HTMLElement[] = [];
  if (stage.curve) {
    const metrics = Object.entries(CURVE_METRICS).map(([value, { name }]) => ({ value, text: name }));
    cards.push(chartCard('Load curve', 'Metric', metrics, (metric) => curveView(stage, metric, nowLabel, compare)));
  }
  if (stage.surge) cards.push(chartCard('Surge', '', [], () => surgeView(stage, nowLabel, compare)));
  if (stage.distributions.length > 0) {
    const options = stage.distributions.map(({ latency }) => ({ value: latency, text: LATENCY_NAMES[latency] }));
    cards.push(
      chartCard('Latency distribution', 'Latency', options, (latency) =>
        distributionView(stage.distributions.find((one) => one.latency === latency)!, nowLabel, compare),
      ),
    );
  }
  if (stage.histories.length > 0) {
    const options = stage.histories.map(({ metric, label }) => ({ value: metric, text: label }));
    cards.push(
      chartCard('History of the baseline', 'Metric', options, (metric) =>
        historyView(stage.histories.find((one) => one.metric === metric)!, nowLabel),
      ),
    );
  }
  return cards;
}

function bootCards(boot: BootPage): HTMLElement[] {
  const cards: HTMLElement[] = [];
  const latencies = DIGEST_LATENCIES.filter((latency) => boot.overTime[latency].cells.length > 0);
  if (latencies.length > 0) {
    cards.push(
      chartCard(
        'Every request over time',
        'Latency',
        latencies.map((latency) => ({ value: latency, text: LATENCY_NAMES[latency] })),
        (latency) => overTimeView(boot, latency as (typeof latencies)[number]),
      ),
    );
  }
  if (boot.signals.length > 0) {
    cards.push(
      chartCard(
        'Resources',
        'Signal',
        boot.signals.map(({ metric, label }) => ({ value: metric, text: label })),
        (metric) => signalView(boot, boot.signals.find((one) => one.metric === metric)!),
      ),
    );
  }
  const lists = listsOf(boot);
  if (lists.length > 0) {
    const body = element('div');
    const pick = picker(
      'Single requests',
      'Show',
      lists.map((list) => ({ value: list, text: REQUEST_LISTS[list] })),
      (list) => body.replaceChildren(requestList(boot, list as (typeof lists)[number])),
    );
    cards.push(card('Single requests', [pick], body));
  }
  return cards;
}

type Options = readonly { readonly value: string; readonly text: string }[];

function chartCard(title: string, label: string, options: Options, viewOf: (chosen: string) => View): HTMLElement {
  const box = chartBox(title);
  shown.push(box);
  const pick = picker(title, label, options, (chosen) => box.show(viewOf(chosen)));
  return card(title, [pick, box.zoom], box.body);
}

/** Calls `onPick` now, with what was chosen before where that is still there. */
function picker(title: string, label: string, options: Options, onPick: (chosen: string) => void): HTMLElement | null {
  const before = state.chosen.get(title);
  const chosen = options.some(({ value }) => value === before) ? before! : (options[0]?.value ?? '');
  onPick(chosen);
  return choice(label, options, chosen, (value) => {
    state.chosen.set(title, value);
    onPick(value);
  });
}

const card = (title: string, tools: readonly (HTMLElement | null)[], body: HTMLElement): HTMLElement =>
  element('section', { class: 'card' }, element('h3', {}, title), element('div', { class: 'tools' }, ...tools), body);

if (root && data.stages.length > 0) {
  document.documentElement.classList.add('live');
  root.hidden = false;
  show();
}
