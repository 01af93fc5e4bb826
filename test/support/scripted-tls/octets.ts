/** The presentation language of TLS as octets: numbers, vectors and extensions (RFC 8446 sections 3 and 4.2). */

/** The server, or the script, did what the scripted client cannot follow. Never an alert or an end: those are values. */
export class ScriptedTlsError extends Error {
  override readonly name = 'ScriptedTlsError';
}

/** An extension: its type and its extension_data. */
export type Extension = readonly [type: number, body: Buffer];

/** How many octets a number or the length of a vector takes. */
export type Width = 1 | 2 | 3;

/** Big-endian. Throws RangeError if the value needs more octets. */
export function uint(width: Width, value: number): Buffer {
  const octets = Buffer.alloc(width);
  octets.writeUIntBE(value, 0, width);
  return octets;
}

/** The parts behind their common length. Throws RangeError if the length needs more octets. */
export function vector(width: Width, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([uint(width, length), ...parts]);
}

/** The list with its length; extensions are written as they stand, twice the same one too. */
export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return vector(2, ...extensions.map(([type, body]) => Buffer.concat([uint(2, type), vector(2, body)])));
}

/** A handshake message with its header. */
export function handshakeMessage(type: number, body: Buffer): Buffer {
  return Buffer.concat([uint(1, type), vector(3, body)]);
}

/** The body of the first extension of this type. */
export function extensionBody(extensions: readonly Extension[], type: number): Buffer | undefined {
  return extensions.find(([found]) => found === type)?.[1];
}

/** A cursor over a message of the server. Every method throws ScriptedTlsError where the message is too short. */
export class OctetReader {
  readonly #octets: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(octets: Buffer, what: string) {
    this.#octets = octets;
    this.#what = what;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#octets.length;
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#octets.length) {
      throw new ScriptedTlsError(`the server's ${this.#what} ends too early`);
    }
    this.#at += count;
    return this.#octets.subarray(this.#at - count, this.#at);
  }

  uint(width: Width): number {
    return this.take(width).readUIntBE(0, width);
  }

  vector(width: Width): Buffer {
    return this.take(this.uint(width));
  }

  extensions(): Extension[] {
    const list = new OctetReader(this.vector(2), this.#what);
    const found: Extension[] = [];
    while (!list.isAtEnd) found.push([list.uint(2), list.vector(2)]);
    return found;
  }

  /** Throws if anything is left. */
  end(): void {
    if (!this.isAtEnd) throw new ScriptedTlsError(`octets follow the server's ${this.#what}`);
  }
}
