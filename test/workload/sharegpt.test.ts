import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { workloadSchema } from '../../src/config/schema.ts';
import { PlimsollError } from '../../src/errors.ts';
import { readShareGpt } from '../../src/workload/sharegpt.ts';
import { countUnits } from '../../src/workload/words.ts';
import { openWorkload } from '../../src/workload/workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-sharegpt-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
const talk = (...turns: readonly [from: string, value: string][]) => ({
  id: 'x',
  conversations: turns.map(([from, value]) => ({ from, value })),
});

test('the turns before the first answer are the prompt, and that answer’s length is the output’s', () => {
  const path = file([
    talk(['human', 'How are you?'], ['gpt', 'Fine, thanks.'], ['human', 'Good.'], ['gpt', 'Yes.']),
    talk(['system', 'Be brief.'], ['human', 'Hi'], ['human', 'there'], ['gpt', 'One two three']),
    talk(['gpt', 'Welcome!'], ['user', '你好吗'], ['chatgpt', 'I am']),
  ]);
  const chat = readShareGpt(path, 'chat').prompts;
  assert.deepEqual(chat, [
    { content: { messages: [{ role: 'user', content: 'How are you?' }] }, maxTokens: 4, tokens: 4 },
    {
      content: {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
          { role: 'user', content: 'there' },
        ],
      },
      maxTokens: 3,
      tokens: 5,
    },
    { content: { messages: [{ role: 'user', content: '你好吗' }] }, maxTokens: 2, tokens: 3 },
  ]);
  assert.deepEqual(readShareGpt(path, 'completions').prompts[1]!.content, { prompt: 'Be brief.\n\nHi\n\nthere' });
});

test('conversations without a question or an answer are left out', () => {
  const { prompts } = readShareGpt(
    file([
      talk(),
      talk(['human', 'alone']),
      talk(['gpt', 'unasked']),
      talk(['human', '  '], ['gpt', 'to nothing']),
      talk(['human', 'asked'], ['gpt', '']),
      talk(['human', 'asked'], ['gpt', 'answered']),
    ]),
    'chat',
  );
  assert.equal(prompts.length, 1);
});

test('any list of conversations, written in any way and longer than one read, is read as JSON.parse reads it', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  const conversations = fc.array(
    fc.record({
      id: text,
      nested: fc.jsonValue({ maxDepth: 3 }),
      conversations: fc.array(fc.record({ from: fc.constantFrom('human', 'gpt', 'system'), value: text }), {
        maxLength: 4,
      }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  // Runs of the same in a file of more than one chunk: every run meets the chunks' ends in other places.
  const anchor = talk(['human', 'asked'], ['gpt', 'answered']);
  fc.assert(
    fc.property(conversations, fc.constantFrom(0, 2), fc.integer({ min: 0, max: 5_000 }), (some, indent, pad) => {
      const filler = { ...anchor, filler: '"\\[{é世'.repeat(20_000) + 'x'.repeat(pad) };
      const list = [anchor, ...some, filler, ...some, filler, ...some, anchor];
      const whole = JSON.stringify(list, null, indent);
      const path = file(whole);
      const read = readShareGpt(path, 'chat');
      const expected = list.flatMap(({ conversations: turns }) => {
        const answer = turns.findIndex(
          ({ from }, i) =>
            from === 'gpt' && turns.slice(0, i).some((turn) => turn.from === 'human' && turn.value.trim() !== ''),
        );
        const length = answer === -1 ? 0 : countUnits(turns[answer]!.value);
        if (length === 0) return [];
        const asked = turns.slice(0, answer).filter((turn) => turn.from !== 'gpt' && turn.value.trim() !== '');
        return [{ contents: asked.map((turn) => turn.value), length }];
      });
      assert.deepEqual(
        read.prompts.map(({ content, maxTokens }) => ({
          contents: 'messages' in content && content.messages.map((each) => (each as { content: string }).content),
          length: maxTokens,
        })),
        expected,
      );
      assert.equal(read.hash, createHash('sha256').update(whole).digest('hex'));
      rmSync(path);
    }),
    { numRuns: 25 },
  );
});

test('what is wrong is said with the file and the conversation', () => {
  const message = (content: unknown): string => {
    const path = file(content);
    try {
      readShareGpt(path, 'chat');
    } catch (error) {
      assert.ok(error instanceof PlimsollError && error.code === 'WORKLOAD_INVALID' && error.hint, String(error));
      return error.message.replaceAll(path, 'FILE');
    }
    throw new assert.AssertionError({ message: 'nothing was thrown' });
  };
  const good = talk(['human', 'a'], ['gpt', 'b']);
  assert.match(message({ conversations: [] }), /^FILE: after conversation 0: expected one list, found "\{/);
  assert.match(message([good, 5]), /^FILE: after conversation 1: expected a conversation, found "5\]"/);
  assert.match(message([good, {}]), /^FILE: conversation 2: has no "conversations"/);
  assert.match(
    message([{ conversations: [{ from: 'human' }] }]),
    /^FILE: conversation 1: a turn lacks "from" or "value"/,
  );
  assert.match(message('[{"conversations": [}]'), /^FILE: conversation 1: not JSON/);
  assert.match(message(JSON.stringify([good, good]).slice(0, -20)), /^FILE ends after conversation 1/);
  assert.match(message(`${JSON.stringify([good])} []`), /expected one list, found "\[\]"/);
  assert.match(message([talk(['human', 'a'])]), /^FILE has no conversation with a question and its answer/);
});

test('a workload sends them with their lengths, and its facts name the file’s content', () => {
  const path = file(Array.from({ length: 30 }, (_, i) => talk(['human', `q ${i}`], ['gpt', 'word '.repeat(i + 1)])));
  const workload = openWorkload({
    config: workloadSchema.parse({ model: 'm', prompts: { kind: 'sharegpt', file: path } }),
    engine: 'vllm',
    baseDir: '/',
    stage: 'benchmark',
  });
  const seen = new Set<string>();
  for (let index = 0; index < 27; index++) {
    const request = workload.request({ kind: 'load', phase: 'round-1', pattern: 1, index, progress: 0 });
    const { messages, max_tokens: maxTokens } = JSON.parse(request.body);
    assert.equal(maxTokens, Number(messages[0].content.slice(2)) + 1);
    seen.add(messages[0].content);
  }
  assert.equal(seen.size, 27);
  const { prompts, promptCount, promptsHash } = workload.facts();
  assert.deepEqual([prompts, promptCount, String(promptsHash).length], ['sharegpt', 30, 64]);
});
