/**
 * A process whose sockets were opened by its starter: answers everything on the address of its argument by an echo with QR
 * set, says so on standard output as JSON, and ends with its standard input.
 */
import { parseEndpoint } from '../../../core/config/endpoint.ts';
import { inheritedSockets } from '../../../core/do53/inherited.ts';
import { PlainBed } from './plain-bed.ts';

const at = parseEndpoint(process.argv[2] ?? '', 53);
const inherited = inheritedSockets(process.env, process.pid);
const names = inherited.left.map(({ name }) => name);
const bed = await PlainBed.open({
  addresses: [at],
  inherited,
  handler: (octets, _from, reply) => {
    const answer = Buffer.from(octets);
    answer.writeUInt8(0x81, 2);
    reply(answer);
  },
});
const { LISTEN_FDS } = process.env;
process.stdout.write(`${JSON.stringify({ at: bed.at, names, left: inherited.left, LISTEN_FDS })}\n`);
process.stdin.on('end', () => void bed.close());
process.stdin.resume();
