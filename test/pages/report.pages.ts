// report.html as people have it: opened from disk in a browser, without a network.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { bundlePage } from '../../scripts/page.ts';
import { renderHtml } from '../../src/report/html.ts';
import type { ReportInput } from '../../src/report/input.ts';
import { HOSTILE, STORIES } from '../report/fixtures.ts';
import { openBrowser, openFile, type Sight } from './browser.ts';
import { digestOf } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-pages-'));
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
let browser: Browser;
let script: string;

before(async () => {
  await bundlePage(join(folder, 'page.js'));
  script = readFileSync(join(folder, 'page.js'), 'utf8');
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const pageOf = (name: string, input: ReportInput, digest = digestOf(input.record, 600)): string => {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, renderHtml(input, { script, digest }));
  return path;
};
const regression = (): string => pageOf('regression', STORIES.regression!());

/** Charts that show something: their canvas has more than one colour. */
async function drawn(page: Page): Promise<Record<string, boolean>> {
  await page.waitForFunction(() => document.querySelectorAll('.chart').length > 0);
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.chart')].every((one) => one.querySelector('canvas')),
  );
  return await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('.card')].flatMap((card) => {
        const canvas = card.querySelector('canvas');
        if (!canvas) return [];
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })!;
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        const colors = new Set<number>();
        for (let at = 0; at < data.length; at += 4)
          if (data[at + 3]! > 0) colors.add((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!);
        return [[card.querySelector('h3')!.textContent!, colors.size > 5]];
      }),
    ),
  );
}

test('every stage has its charts, and switching asks nothing of the network and logs nothing', async () => {
  const { page, problems } = await openFile(browser, regression());
  const everywhere = ['Latency distribution', 'History of the baseline', 'Every request over time', 'Resources'];
  const expected = { benchmark: [], linear: ['Load curve'], 'step-surge': ['Surge'] };
  for (const [stage, own] of Object.entries(expected)) {
    await page.check(`#stage-${stage}`);
    const charts = await drawn(page);
    const wanted = stage === 'benchmark' ? everywhere : [...own, ...everywhere.slice(1)];
    for (const title of wanted) assert.equal(charts[title], true, `${stage}: ${title} of ${Object.keys(charts)}`);
  }
  assert.deepEqual(problems, []);
});

test('every metric of every chart can be chosen and is drawn', async () => {
  const { page, problems } = await openFile(browser, regression());
  await page.check('#stage-linear');
  for (const title of ['Load curve', 'History of the baseline', 'Every request over time', 'Resources']) {
    const select = page.locator('.card', { hasText: title }).first().locator('select');
    for (const value of await select
      .locator('option')
      .evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value))) {
      await select.selectOption(value);
      assert.equal((await drawn(page))[title], true, `${title}: ${value}`);
    }
  }
  assert.deepEqual(problems, []);
});

test('the baseline can be taken away and brought back', async () => {
  const { page } = await openFile(browser, regression());
  const table = page.locator('.card', { hasText: 'Latency distribution' }).first().locator('details');
  const headings = async (): Promise<string> => {
    if ((await table.getAttribute('open')) === null) await table.locator('summary').click();
    await table.locator('th').first().waitFor();
    return (await table.locator('th').allTextContents()).join();
  };
  assert.equal(await headings(), 'Percentile,baseline,this PR');
  await page.uncheck('#compare');
  assert.equal(await headings(), 'Percentile,this PR');
  await page.check('#compare');
  assert.equal(await headings(), 'Percentile,baseline,this PR');
});

test('without a mouse: stages by arrow keys, points by arrow keys, zoom, table and single requests', async () => {
  const { page, problems } = await openFile(browser, regression());
  await page.focus('#stage-benchmark');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.locator('#stage-linear').isChecked(), true);
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'stage-linear', 'the focus stays');

  const card = page.locator('.card', { hasText: 'Load curve' }).first();
  await card.locator('.chart').focus();
  await page.keyboard.press('ArrowRight');
  const first = await card.locator('.spoken').textContent();
  assert.match(first!, /^Offered rate 2 req\/s, TTFT p95: baseline .* ms, TTFT p95: this PR .* ms/);
  await page.keyboard.press('End');
  assert.match((await card.locator('.spoken').textContent())!, /^Offered rate 38 req\/s/);
  const before = await card.locator('canvas').first().screenshot();
  await page.keyboard.press('+');
  await page.waitForTimeout(400);
  assert.notDeepEqual(await card.locator('canvas').first().screenshot(), before, 'zoomed');

  const requests = page.locator('.card', { hasText: 'Single requests' });
  await requests.locator('summary').first().focus();
  await page.keyboard.press('Enter');
  assert.match((await requests.locator('dl').first().textContent())!, /Planned.*First token\+/);
  assert.deepEqual(problems, []);
});

test('the slowest requests come slowest first, the failed with their error', async () => {
  const { page } = await openFile(browser, regression());
  const requests = page.locator('.card', { hasText: 'Single requests' });
  await requests.locator('select').selectOption('e2e');
  const e2e = (await requests.locator('summary').allTextContents()).map((text) => / E2E ([\d.]+) (m?s)/.exec(text)!);
  const values = e2e.map(([, value, unit]) => Number(value) * (unit === 's' ? 1_000 : 1));
  assert.deepEqual(
    values,
    values.toSorted((a, b) => b - a),
  );
  assert.ok(values.length >= 10);
  await requests.locator('select').selectOption('failed');
  await requests.locator('summary').first().click();
  assert.match((await requests.locator('dl').first().textContent())!, /http_error: 500 Internal Server Error/);
});

for (const sight of [
  { colorScheme: 'light' },
  { colorScheme: 'dark' },
  { colorScheme: 'light', width: 360, height: 740, hasTouch: true },
] satisfies Sight[]) {
  test(`axe finds nothing to object to: ${JSON.stringify(sight)}`, async () => {
    const { page } = await openFile(browser, regression(), sight);
    await drawn(page);
    for (const summary of await page.locator('main > details > summary').all()) await summary.click();
    // As a debugger would: the page's own policy lets no foreign script in.
    const session = await page.context().newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: axe });
    const { result } = await session.send('Runtime.evaluate', {
      expression: 'axe.run().then(({ violations, passes }) => JSON.stringify({ violations, passes: passes.length }))',
      awaitPromise: true,
      returnByValue: true,
    });
    const { violations, passes } = JSON.parse(String(result.value)) as {
      violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
      passes: number;
    };
    assert.ok(passes > 20, `${passes} rules looked at`);
    assert.deepEqual(
      violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join('; ')}`,
      ),
      [],
    );
  });
}

test('nothing is wider than a phone', async () => {
  for (const name of ['regression', 'many-metrics', 'hostile']) {
    const { page } = await openFile(browser, pageOf(name, STORIES[name]!()), {
      width: 360,
      height: 740,
      hasTouch: true,
    });
    await drawn(page);
    for (const summary of await page.locator('main > details > summary').all()) await summary.click();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, name);
  }
});

test('where no script runs, the still charts are there', async () => {
  const { page } = await openFile(browser, regression(), { javaScriptEnabled: false });
  assert.equal(await page.locator('.still figure svg[role=img]:visible').count(), 3);
  assert.equal(await page.locator('#explore').isVisible(), false);
});

test('texts of servers and forks run nothing and make no elements', async () => {
  const all = HOSTILE.join(' ');
  const input = STORIES.hostile!();
  const digest = digestOf(input.record, 50, (row) => ({
    ...row,
    phaseName: all,
    outcome: 'reset',
    error: `${all}</script><script>document.title='x'</script>`,
  }));
  const { page, problems } = await openFile(browser, pageOf('hostile-rows', input, digest));
  await drawn(page);
  const requests = page.locator('.card', { hasText: 'Single requests' });
  await requests.locator('summary').first().click();
  assert.match((await requests.locator('dl').first().textContent())!, /<script>document\.title='x'<\/script>/);
  assert.notEqual(await page.title(), 'x');
  assert.equal(await page.locator('main img, main script, main a').count(), 0);
  assert.deepEqual(problems, []);
});

test('a script that gets into the page in spite of all is not run', async () => {
  const { page, problems } = await openFile(browser, regression());
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = "document.title = 'x'";
    document.body.append(script);
  });
  assert.notEqual(await page.title(), 'x');
  assert.match(problems.join(), /Content Security Policy/);
});

test('a million requests fit in 5 MB and open in less than 3 s', async () => {
  const input = STORIES.regression!();
  const stages = input.record.boots.flatMap((boot) => boot.stages).length;
  const path = pageOf('million', input, digestOf(input.record, Math.ceil(1_000_000 / stages)));
  const { size } = statSync(path);
  assert.ok(size < 5_000_000, `${size} bytes`);
  const beganMs = performance.now();
  const { page, problems } = await openFile(browser, path);
  const charts = await drawn(page);
  const tookMs = performance.now() - beganMs;
  assert.ok(
    Object.values(charts).every((one) => one),
    JSON.stringify(charts),
  );
  assert.ok(tookMs < 3_000, `${Math.round(tookMs)} ms`);
  assert.deepEqual(problems, []);
});
