// Headless Chromium for the tests of what people see: pages from disk, and what went wrong in them.

import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** @throws Error that says how to get one, where there is no Chromium */
export async function openBrowser(): Promise<Browser> {
  const executablePath = PATHS.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined)
    throw new Error('These tests need Chromium: apt-get install chromium, or CHROMIUM=/path/to/it.');
  return await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface Sight {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly hasTouch?: boolean;
  readonly javaScriptEnabled?: boolean;
}

export interface Opened {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, and every address that was asked for beside the file. */
  readonly problems: string[];
}

export async function openFile(browser: Browser, path: string, sight: Sight = {}): Promise<Opened> {
  const { width = 1_200, height = 900, ...rest } = sight;
  const context = await browser.newContext({ viewport: { width, height }, offline: true, ...rest });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== `file://${path}`) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${path}`);
  return { page, problems };
}
