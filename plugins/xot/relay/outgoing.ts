/**
 * Messages of a transfer as they leave for the client: with its ID and the OPT record of this hop (reply.ts), many in one buffer.
 *
 * Where neither side has an OPT record they stay where they lie, and only their IDs are written over. Otherwise each is copied
 * once.
 */
import { EdnsOptionCode, findOption, type Edns, type ReplyBatch } from '../../../core/index.ts';
import { relayedReply, replyOpt, type OptPlace, type ReplyStyle } from '../request/reply.ts';

export interface Rendered {
  readonly batches: readonly ReplyBatch[];
  /** Of the messages, without their lengths. */
  readonly octets: number;
}

const prefixOctets = 2;
const longestMessageOctets = 65_535;
const additionalCountAt = 10;

export class Outgoing {
  readonly #style: ReplyStyle;
  /** The size of padding is that of each message: then there is nothing to keep for the next. */
  readonly #isPadded: boolean;
  /** Written to again when the client has what was in it. */
  #room = Buffer.alloc(0);
  /** The OPT record for messages that came with this one, or without one. */
  #opt: { readonly of: Edns | undefined; readonly octets: Buffer } | undefined;

  constructor(style: ReplyStyle) {
    this.#style = style;
    this.#isPadded = findOption(style.request.edns, EdnsOptionCode.PADDING) !== undefined;
  }

  /**
   * Messages that came together, as the client gets them; they are written to. Throws DnsFormatError for one that has no room for
   * OPT.
   *
   * @param opts where the OPT record of each is
   * @param framed the messages as they lie, where they lie one after the other with their lengths before them
   * @param hasLast whether the last of them is the last of all: it is given apart
   */
  render(
    messages: readonly Buffer[],
    opts: readonly (OptPlace | undefined)[],
    framed: Buffer | undefined,
    hasLast: boolean,
  ): Rendered {
    const isUntouched = this.#style.request.edns === undefined && opts.every((opt) => opt === undefined);
    if (framed !== undefined && isUntouched) return this.#inPlace(messages, framed, hasLast);
    const parts = messages.flatMap((message, index) => this.#parts(message, opts[index]));
    const last = hasLast ? parts.pop() : undefined;
    const octets = parts.reduce((sum, { length }) => sum + length, last?.length ?? 0);
    const batches: ReplyBatch[] = parts.length > 0 ? [this.#join(parts)] : [];
    if (last !== undefined) batches.push([Buffer.concat([last.body, last.opt])]);
    return { batches, octets };
  }

  #inPlace(messages: readonly Buffer[], framed: Buffer, hasLast: boolean): Rendered {
    const { id } = this.#style.request.header;
    for (const message of messages) message.writeUInt16BE(id, 0);
    const octets = framed.length - prefixOctets * messages.length;
    const last = hasLast ? messages.at(-1) : undefined;
    if (last === undefined) return { batches: [framed], octets };
    const others = framed.subarray(0, framed.length - prefixOctets - last.length);
    return { batches: others.length > 0 ? [others, [last]] : [[last]], octets };
  }

  #parts(message: Buffer, opt: OptPlace | undefined): readonly Part[] {
    const body = opt === undefined ? message : message.subarray(0, opt.start);
    const ours = this.#isPadded ? undefined : this.#optFor(opt?.edns);
    const fits = ours !== undefined && body.length + ours.length <= longestMessageOctets;
    if (!fits || opt?.isLast === false) {
      return relayedReply(message, opt, this.#style).map((reply) => partOf(reply, none));
    }
    body.writeUInt16BE(this.#style.request.header.id, 0);
    const others = message.readUInt16BE(additionalCountAt) - (opt === undefined ? 0 : 1);
    body.writeUInt16BE(others + (ours.length > 0 ? 1 : 0), additionalCountAt);
    return [partOf(body, ours)];
  }

  #optFor(edns: Edns | undefined): Buffer {
    if (this.#opt?.of !== edns || this.#opt === undefined)
      this.#opt = { of: edns, octets: replyOpt(this.#style, edns) };
    return this.#opt.octets;
  }

  #join(parts: readonly Part[]): Buffer {
    const needed = parts.reduce((sum, { length }) => sum + prefixOctets + length, 0);
    if (this.#room.length < needed) this.#room = Buffer.allocUnsafeSlow(needed * 2);
    const room = this.#room;
    let at = 0;
    for (const { body, opt, length } of parts) {
      room.writeUInt16BE(length, at);
      body.copy(room, at + prefixOctets);
      opt.copy(room, at + prefixOctets + body.length);
      at += prefixOctets + length;
    }
    return room.subarray(0, at);
  }
}

/** A message in two pieces. */
interface Part {
  readonly body: Buffer;
  readonly opt: Buffer;
  readonly length: number;
}

const none = Buffer.alloc(0);

function partOf(body: Buffer, opt: Buffer): Part {
  return { body, opt, length: body.length + opt.length };
}
