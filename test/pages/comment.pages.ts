// The comment as a reader of the pull request sees it: GitHub's rendering, light and dark, desk and phone.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { renderComment } from '../../src/report/comment.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { STORIES } from '../report/fixtures.ts';
import { openBrowser, type Sight } from './browser.ts';
import { commentPage } from './github.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-comments-'));
let browser: Browser;
before(async () => {
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const DESK = { width: 900, height: 900 } as const;
const PHONE = { width: 390, height: 844 } as const;

/** Opens it, with the charts drawn or refused by Mermaid. */
async function opened(
  name: string,
  markdown: string,
  { width, height, colorScheme }: Required<Pick<Sight, 'width' | 'height' | 'colorScheme'>>,
): Promise<Page> {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, commentPage(markdown));
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(`file://${path}`);
  await page.waitForFunction(() => document.documentElement.dataset.ready !== undefined);
  return page;
}

for (const [name, story] of Object.entries(STORIES)) {
  test(`the charts of "${name}" are drawn by Mermaid, light and dark, and nothing foreign is in the page`, async () => {
    const markdown = renderComment(story());
    const charts = markdown.match(/^```mermaid$/gm)?.length ?? 0;
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await opened(name, markdown, { ...DESK, colorScheme });
      assert.equal(await page.evaluate(() => document.documentElement.dataset.ready), 'yes');
      assert.equal(await page.locator('.mermaid svg').count(), charts);
      assert.equal(await page.locator('.mermaid svg path[d*=NaN], .mermaid svg [width="NaN"]').count(), 0);
      const foreign = page.locator(':is(img, iframe, script, form, input, a):is(.markdown-body *)');
      const links = await foreign.evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? one.tagName));
      assert.deepEqual(
        links.filter((href) => !href.startsWith('https://github.com/acme/serving/actions/runs/')),
        [],
      );
      await page.close();
    }
  });
}

test('a chart shows its baseline and this run in colours that stand apart from the page, light and dark', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await opened('colours', renderComment(STORIES.regression!()), { ...DESK, colorScheme });
    const chart = page.locator('.mermaid svg').first();
    assert.ok((await chart.locator('.plot rect').count()) >= 9, 'bars of the baseline');
    assert.equal(await chart.locator('.plot path').count(), 1, 'the line of this run');
    const [bar, line] = [chart.locator('.plot rect').first(), chart.locator('.plot path')];
    const background = (await chart.locator('rect.background').getAttribute('fill')) ?? '#ffffff';
    for (const color of [await bar.getAttribute('fill'), await line.getAttribute('stroke')])
      assert.ok(contrast(color!, background) >= 2.9, `${color} on ${background}, ${colorScheme}`);
    await page.close();
  }
});

test('on a phone the tables of rules, deltas and values need no scrolling sideways', async () => {
  for (const name of Object.keys(STORIES).filter((one) => one !== 'hostile')) {
    const page = await opened(name, renderComment(STORIES[name]!()), { ...PHONE, colorScheme: 'light' });
    const wide = await page.locator('.markdown-body > table').evaluateAll((tables) =>
      tables
        // What differs between the subjects are whole command lines.
        .filter((table) => !table.textContent!.includes('What differs'))
        .filter((table) => table.scrollWidth > table.clientWidth)
        .map((table) => table.textContent!.slice(0, 60)),
    );
    assert.deepEqual(wide, [], name);
    await page.close();
  }
});

test('on a phone the verdict, the load line and whether to act stand on the first screen', async () => {
  const page = await opened('first', renderComment(STORIES.regression!()), { ...PHONE, colorScheme: 'dark' });
  for (const text of ['Fail', 'Load line 29.1 req/s', 'Action needed:']) {
    const box = await page.getByText(text).first().boundingBox();
    assert.ok(box && box.y + box.height < PHONE.height, text);
  }
  await page.close();
});

test('a summary is drawn as well', async () => {
  const page = await opened('summary', renderSummary(STORIES.regression!()), { ...DESK, colorScheme: 'light' });
  assert.equal(await page.evaluate(() => document.documentElement.dataset.ready), 'yes');
  assert.ok((await page.locator('.mermaid svg').count()) >= 4);
  await page.close();
});

/** WCAG 2 contrast of two colours #rrggbb or #rgb. */
function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}
function luminance(color: string): number {
  const named: Record<string, string> = { white: '#ffffff', black: '#000000' };
  const hex = (named[color] ?? color).replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3');
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
