import { expect } from 'chai';
import { parseTsigSecret } from '../../../core/tsig/key.ts';

describe('parseTsigSecret', () => {
  it('reads base64 with white space around and in it', () => {
    const secret = Buffer.alloc(32, 5);
    const text = secret.toString('base64');
    expect(parseTsigSecret(` ${text.slice(0, 10)}\n${text.slice(10)}\n`).equals(secret)).to.equal(true);
  });

  for (const [title, text, words] of [
    ['what is empty', ' \n', 'is not base64'],
    ['what is not base64', 'secret!', 'is not base64'],
    ['base64 that is cut', Buffer.alloc(32).toString('base64').slice(0, -1), 'is not base64'],
    ['what can be guessed [RFC8945-8]', Buffer.alloc(15).toString('base64'), 'has 15 octets'],
  ] as const) {
    it(`throws for ${title}`, () => {
      expect(() => parseTsigSecret(text)).to.throw(RangeError, words);
    });
  }
});
