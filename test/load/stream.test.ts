import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readBody, readError, readEvent } from '../../src/load/stream.ts';

const chunk = (fields: object, rest: object = {}): string =>
  JSON.stringify({ id: 'c1', choices: [{ index: 0, delta: fields, finish_reason: null }], ...rest });
const tokenOf = (data: string): unknown => {
  const reading = readEvent(data, '');
  assert.equal(reading.kind, 'chunk');
  return reading.kind === 'chunk' ? reading.token : undefined;
};

describe('an event of a stream', () => {
  test('bears a token by whatever channel it comes, and none when it is empty or has a role alone', () => {
    assert.equal(tokenOf(chunk({ content: 'a' })), 'content');
    assert.equal(tokenOf(chunk({ content: ' ' })), 'content');
    assert.equal(tokenOf(chunk({ reasoning_content: 'hm' })), 'reasoning');
    assert.equal(tokenOf(chunk({ reasoning: 'hm', content: null })), 'reasoning');
    assert.equal(tokenOf(chunk({ reasoning: 'hm', content: 'a' })), 'content');
    assert.equal(tokenOf(chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] })), 'tool');
    assert.equal(tokenOf(JSON.stringify({ choices: [{ text: 'a' }] })), 'text');
    for (const empty of [
      {},
      { role: 'assistant' },
      { role: 'assistant', content: '' },
      { content: null },
      { tool_calls: [] },
    ]) {
      assert.equal(tokenOf(chunk(empty)), null, JSON.stringify(empty));
    }
    assert.equal(tokenOf(JSON.stringify({ choices: [{ text: '' }] })), null);
  });

  test('is the end with [DONE], an error with an error field or name, and malformed when it is not an object', () => {
    assert.equal(readEvent('[DONE]', '').kind, 'done');
    assert.equal(readEvent(' [DONE] ', '').kind, 'done');
    assert.deepEqual(readEvent('{"error":{"message":"CUDA out of memory","code":500}}', ''), {
      kind: 'error',
      message: 'CUDA out of memory',
    });
    assert.deepEqual(readEvent('{"error":"boom"}', ''), { kind: 'error', message: 'boom' });
    assert.deepEqual(readEvent('{"object":"error","message":"old vLLM"}', ''), { kind: 'error', message: 'old vLLM' });
    assert.deepEqual(readEvent('plain words', 'error'), { kind: 'error', message: 'plain words' });
    assert.equal(readEvent('{"error":null,"choices":[]}', '').kind, 'chunk');
    for (const bad of ['{"choices":[', '7', '[]', 'null', '']) assert.equal(readEvent(bad, '').kind, 'malformed', bad);
  });

  test('gives usage where the server counts, zero included, and null where usage is null', () => {
    const read = (usage: unknown) => readEvent(JSON.stringify({ choices: [], usage }), '');
    assert.deepEqual(read({ prompt_tokens: 3, completion_tokens: 0 }), {
      kind: 'chunk',
      token: null,
      finish: null,
      usage: { promptTokens: 3, outputTokens: 0 },
      id: null,
    });
    const empty = read(null);
    assert.equal(empty.kind === 'chunk' && empty.usage, null);
  });
});

describe('an event of the Responses API', () => {
  const read = (type: string, fields: object = {}) => readEvent(JSON.stringify({ type, ...fields }), type);
  const none = { kind: 'chunk', token: null, finish: null, usage: null, id: null };

  test('bears a token where it is a delta that is not empty, by the channel of its type', () => {
    for (const [type, token] of [
      ['response.output_text.delta', 'content'],
      ['response.refusal.delta', 'content'],
      ['response.reasoning_text.delta', 'reasoning'],
      ['response.reasoning_summary_text.delta', 'reasoning'],
      ['response.function_call_arguments.delta', 'tool'],
      ['response.custom_tool_call_input.delta', 'tool'],
    ]) {
      assert.deepEqual(read(type!, { delta: 'a' }), { ...none, token }, type);
      assert.deepEqual(read(type!, { delta: '' }), none, type);
    }
    assert.deepEqual(read('response.output_text.done', { text: 'a', delta: 'a' }), none);
    assert.deepEqual(read('response.output_item.added', { item: { type: 'message' } }), none);
  });

  test('ends the answer with its usage, whether complete or cut at its length, and repeats no token', () => {
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'a' }] }];
    const usage = { input_tokens: 3, output_tokens: 5 };
    const response = { id: 'r', status: 'completed', output, usage, error: null };
    const counted = { ...none, id: 'r', usage: { promptTokens: 3, outputTokens: 5 } };
    assert.deepEqual(read('response.created', { response: { id: 'r', status: 'in_progress' } }), { ...none, id: 'r' });
    assert.deepEqual(read('response.completed', { response }), { ...counted, finish: 'stop' });
    const incomplete = { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    assert.deepEqual(read('response.incomplete', { response: incomplete }), { ...counted, finish: 'length' });
  });

  test('is an error where the answer failed', () => {
    const failed = { status: 'failed', error: { code: 'server_error', message: 'out of memory' } };
    assert.deepEqual(read('response.failed', { response: failed }), { kind: 'error', message: 'out of memory' });
    assert.deepEqual(read('error', { message: 'gone' }), { kind: 'error', message: 'gone' });
  });

  test('that was not streamed is read by its output', () => {
    const whole = (output: object[], rest: object = {}) =>
      readBody(JSON.stringify({ id: 'r', object: 'response', status: 'completed', output, ...rest }));
    const text = { type: 'message', content: [{ type: 'output_text', text: 'a' }] };
    const thought = { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] };
    const call = { type: 'function_call', name: 'f', arguments: '{}' };
    const stop = { ...none, id: 'r', finish: 'stop' };
    assert.deepEqual(whole([thought, text]), { ...stop, token: 'content' });
    assert.deepEqual(whole([thought]), { ...stop, token: 'reasoning' });
    assert.deepEqual(whole([call]), { ...stop, token: 'tool' });
    assert.deepEqual(whole([{ type: 'message', content: [] }]), stop);
    assert.equal(whole([], { status: 'failed', error: { message: 'x' } }).kind, 'error');
  });
});

test('a body that was not streamed is read by its message, and refused without choices', () => {
  const body = {
    id: 'b',
    choices: [{ message: { content: 'hi' }, finish_reason: 'length' }],
    usage: { prompt_tokens: 1, completion_tokens: 2 },
  };
  assert.deepEqual(readBody(JSON.stringify(body)), {
    kind: 'chunk',
    token: 'content',
    finish: 'length',
    usage: { promptTokens: 1, outputTokens: 2 },
    id: 'b',
  });
  assert.equal(readBody('{}').kind, 'malformed');
  assert.equal(readBody('<html>').kind, 'malformed');
});

test('an error body gives its words, in the shapes that servers use', () => {
  assert.equal(readError('{"error":{"message":"too many"}}'), 'too many');
  assert.equal(readError('{"detail":"not found"}'), 'not found');
  assert.equal(readError('{"message":"no"}'), 'no');
  assert.equal(readError('upstream gone'), 'upstream gone');
});
