// A comment as GitHub shows it: GitHub Flavored Markdown, the sanitiser's allow-list, GitHub's style sheet, and charts
// drawn by the real Mermaid library in the reader's theme. In: Markdown. Out: a page for the browser.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Root } from 'hast';
import rehypeRaw from 'rehype-raw';
import rehypeSanitize from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRehype from 'remark-rehype';
import { unified } from 'unified';

const resolve = (name: string): string => fileURLToPath(import.meta.resolve(name));
const parsed = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw)
  .freeze();
// Its default is GitHub's list.
const sanitised = parsed().use(rehypeSanitize).use(rehypeStringify).freeze();

/** The elements of a comment before anything is taken out of them. */
export const toTree = (markdown: string): Root => parsed.runSync(parsed.parse(markdown)) as Root;

/** What GitHub's sanitiser lets through. */
export const toHtml = (markdown: string): string => String(sanitised.processSync(markdown));

/** A whole page, with room for the comment as GitHub gives it. */
export function commentPage(markdown: string): string {
  const css = readFileSync(resolve('github-markdown-css/github-markdown.css'), 'utf8');
  const mermaid = resolve('mermaid/dist/mermaid.min.js');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Comment</title>
<style>${css}
body{margin:0;background:#fff}@media(prefers-color-scheme:dark){body{background:#0d1117}}
.markdown-body{max-width:846px;margin:0 auto;padding:16px;font-size:14px;overflow-x:hidden}
.mermaid{display:block;margin:0 0 16px}</style></head>
<body><article class="markdown-body">${toHtml(markdown)}</article>
<script src="file://${mermaid}"></script>
<script>
const dark = matchMedia('(prefers-color-scheme: dark)').matches;
for (const code of document.querySelectorAll('pre > code.language-mermaid')) {
  const chart = document.createElement('div');
  chart.className = 'mermaid';
  chart.textContent = code.textContent;
  code.parentElement.replaceWith(chart);
}
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: dark ? 'dark' : 'default' });
mermaid.run().then(() => { document.documentElement.dataset.ready = 'yes'; }, (error) => { document.documentElement.dataset.ready = String(error.message ?? error); });
</script></body></html>`;
}
