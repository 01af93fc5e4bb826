/** A Lua script that runs in Redis: its text, and the digest by which Redis knows it once it has seen it. */
import { createHash } from 'node:crypto';

export class RedisScript {
  /** A word for messages. */
  readonly name: string;
  readonly text: string;
  /** SHA-1 in hexadecimal, as EVALSHA takes it. */
  readonly digest: string;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    this.digest = createHash('sha1').update(text).digest('hex');
  }
}
