/** Whether a message answers another (RFC 7766 section 7), for exchanges of one message each. Pure. */
import { MessageWalker, Opcode, Rcode } from '../../../core/index.ts';

/**
 * By opcode and question; IDs are the connection's matter. An error without records may lack the question, and so may any answer
 * to UPDATE (RFC 2136 section 3.8). Throws DnsFormatError.
 */
export function isAnswerTo(octets: Buffer, message: Buffer): boolean {
  const answer = new MessageWalker(octets);
  const opcode = opcodeOf(message);
  const isResponse = (answer.flags & 0x8000) !== 0;
  if (!isResponse || ((answer.flags >> 11) & 15) !== opcode) return false;
  if (answer.questionCount === 0) {
    const mayLackIt = (answer.flags & 0xf) !== Rcode.NOERROR || opcode === Opcode.UPDATE;
    return mayLackIt && answer.answerCount + answer.authorityCount === 0;
  }
  const asked = new MessageWalker(message);
  if (answer.questionCount > 1 || asked.questionCount !== 1) return false;
  const [ours, theirs] = [asked.readQuestion(), answer.readQuestion()];
  return ours.type === theirs.type && ours.class === theirs.class && ours.name.equals(theirs.name);
}

export function opcodeOf(message: Buffer): number {
  return (message.readUInt8(2) >> 3) & 15;
}
