import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maskCommand, maskCommandLine, maskSecrets } from '../../src/deployment/mask.ts';

test('no secret survives masking, whatever surrounds it and whichever contains another', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9+/=_-]{4,40}$/);
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1, maxLength: 4 }), fc.array(fc.string()), (secrets, between) => {
      const text = secrets.flatMap((value, index) => [between[index] ?? '', value, value]).join(' ');
      const masked = maskSecrets(text, secrets);
      for (const value of secrets) assert.ok(!masked.includes(value), `${value} is in ${masked}`);
    }),
  );
});

test('each line of a secret of several lines is masked; a short one would only blank out words', () => {
  assert.equal(maskSecrets('x -----BEGIN KEY-----, abcdefgh y', ['-----BEGIN KEY-----\nabcdefgh\n']), 'x ***, *** y');
  assert.equal(maskSecrets('port 1 of 1', ['1', '']), 'port 1 of 1');
});

test('a command shows its flags and hides the values of the secret ones', () => {
  const cases: [string[], string][] = [
    [['vllm', 'serve', 'm', '--api-key', 'sk-1', '--port', '8000'], 'vllm serve m --api-key *** --port 8000'],
    [
      ['vllm', '--api-key=sk-1', '--max-num-batched-tokens', '2048'],
      'vllm --api-key=*** --max-num-batched-tokens 2048',
    ],
    [['env', 'HF_TOKEN=hf_x', 'serve'], 'env HF_TOKEN=*** serve'],
    [['curl', '-H', 'Authorization: Bearer abc.def'], "curl -H 'Authorization: Bearer ***'"],
    [['serve', '--registry', 'https://user:pw@host/x'], 'serve --registry https://***@host/x'],
    [['serve', '--use-auth-token', '--port', '1'], 'serve --use-auth-token --port 1'],
    [['serve', 'my model', "it's"], "serve 'my model' 'it'\\''s'"],
  ];
  for (const [command, shown] of cases) assert.equal(maskCommand(command, []), shown);
  assert.equal(maskCommand(['serve', '--model', 'from-env'], ['from-env']), 'serve --model ***');
  assert.equal(
    maskCommandLine('A_SECRET="x y" serve --api-key sk-1 --max-tokens 5 && echo', []),
    'A_SECRET=*** serve --api-key *** --max-tokens 5 && echo',
  );
});
