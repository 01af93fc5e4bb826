/**
 * With `privacy: role` no line of the log has the name, the address or the key of a member who is served: not when he comes, asks,
 * asks for what he may not have, rolls his key, or goes. The whole text of the log is searched, at every level.
 */
import tls from 'node:tls';
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { frame } from '../../core/dns/framing.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { query } from '../core/answer/wire.ts';
import { HeldUpstream } from '../support/held-upstream.ts';
import { DotDaemon } from '../support/dot-daemon.ts';
import { keyOf } from '../support/gate-bed.ts';
import { until } from '../support/gate.ts';

const memberAddress = '127.0.7.53';

describe('the log of dot-resolver with privacy: role', () => {
  let upstream: HeldUpstream;
  let gate: DotDaemon;
  /** What whoever watches connections was told. */
  const events: string[] = [];

  before(async () => {
    upstream = await HeldUpstream.start('answer');
    gate = await DotDaemon.start({
      lab: { zones: ['members.example'], unsignedZones: [] },
      gate: `views: { default: { upstreams: ["${upstream.at}"], transport: tcp } }\nprivacy: role\nlog-queries: true`,
      access: `
clients:
  mary-laptop.members.example: { roles: [staff], allow: [{ action: resolve, rate: 20/s, burst: 20 }] }
`,
    });
    gate.daemon.feed.watch((event) => {
      if (event['event'] === 'connection') events.push(JSON.stringify(event));
    });
  });

  after(async () => {
    await gate.close();
    await upstream.close();
  });

  /** Asks from an address of its own; over when so many replies have come, or the connection has ended. */
  async function visit(identity: IssuedIdentity, questions: readonly Buffer[]): Promise<void> {
    const to = { host: '127.0.0.1', port: gate.port, localAddress: memberAddress, ALPNProtocols: ['dot'] };
    const socket = tls.connect({ ...to, rejectUnauthorized: false, ...keyOf(identity) });
    let octets = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (octets += chunk.length));
    socket.write(Buffer.concat(questions.map(frame)));
    await until('there are replies', () => octets > 12 * questions.length || socket.destroyed, 20_000);
    socket.destroy();
  }

  it('has what was asked, and by which roles, and nobody who can be told apart', async () => {
    const name = 'mary-laptop.members.example';
    const member = await gate.member(name);
    const ask = (id: number): Buffer =>
      query(`n${String(id)}.elsewhere.example`, { id, type: RrType.TXT, options: [] });
    await visit(member, [1, 2, 3, 1].map(ask));
    // What he may not have, or too much of it, and what is no question.
    await visit(member, [
      query('x.example', { rd: false }),
      query('x.example', { type: RrType.AXFR }),
      Buffer.alloc(20),
    ]);
    await visit(
      member,
      Array.from({ length: 40 }, (_, index) => ask(index)),
    );
    const rolled = await gate.member(name);
    // Who comes with a key that is not known yet is refused, and that is told.
    gate.passTime(310_000);
    await visit(rolled, [ask(50)]);
    await until('the log has all of it', () => gate.log.of('connection').length >= 3, 20_000);
    await until('the log has questions', () => gate.log.of('query').length >= 20, 20_000);
    const text = [...gate.log.lines.map((line) => JSON.stringify(line)), ...events].join('\n');
    expect(text).to.include('elsewhere.example');
    expect(text).to.include('staff');
    expect(gate.log.of('request refused').length, 'refusals').to.be.above(2);
    expect(events.length, 'events').to.be.above(2);
    for (const secret of ['mary', 'laptop', memberAddress]) expect(text.toLowerCase()).to.not.include(secret);
    // One member's questions cannot be put together by the number of a connection either.
    for (const { fields } of gate.log.of('query'))
      expect(fields).to.not.have.any.keys('connection', 'remote', 'client');
  });
});
