/**
 * A stranger gets no answer of the resolver, and learns nothing: not whether his name is known, not what others have asked. With
 * `on-failure: alert` he gets one TLS alert and not one octet of DNS; with `anonymous` the same REFUSED to everything.
 */
import tls from 'node:tls';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import { frame, FrameReader } from '../../core/dns/framing.ts';
import { parseMessage } from '../../core/dns/message.ts';
import type { IssuedIdentity } from '../../core/pki/issue.ts';
import { query } from '../core/answer/wire.ts';
import { HeldUpstream } from '../support/held-upstream.ts';
import { DotDaemon } from '../support/dot-daemon.ts';
import { keyOf } from '../support/gate-bed.ts';
import { handshakeFailure } from '../support/gate-visit.ts';
import { makeIdentity, tlsaRdata, until } from '../support/gate.ts';

const access = `
clients:
  laptop.members.example: { allow: [{ action: resolve }] }
  unproved.members.example: { allow: [{ action: resolve }] }
  laptop.unsigned.example: { allow: [{ action: resolve }] }
`;
const names = ['www.known.example', 'never.asked.example', 'laptop.members.example', 'version.bind'] as const;

/** What came of a visit: DNS messages, octets of application data, and the error that ended it. */
interface Outcome {
  readonly messages: readonly Buffer[];
  readonly octets: number;
  readonly error: string;
}

describe('a stranger at dot-resolver', () => {
  let upstream: HeldUpstream;
  let gate: DotDaemon;
  let member: IssuedIdentity;
  /** Whatever a stranger can show. */
  let strangers: Readonly<Record<string, IssuedIdentity | undefined>>;

  async function open(onFailure: string): Promise<void> {
    upstream = await HeldUpstream.start('secret');
    gate = await DotDaemon.start({
      lab: { zones: ['members.example', 'stranger.example'], unsignedZones: ['unsigned.example'] },
      gate: `views: { default: { upstreams: ["${upstream.at}"], transport: tcp } }\non-failure: ${onFailure}`,
      access,
    });
    member = await gate.member('laptop.members.example');
    strangers = {
      'no certificate': undefined,
      'the key of somebody else under a name of the list': await makeIdentity('laptop.members.example'),
      'a proved name that is not in the list': await gate.member('laptop.stranger.example'),
      'a name of the list that publishes no key': await makeIdentity('unproved.members.example'),
      'a name of the list whose zone is not signed': await gate.member('laptop.unsigned.example'),
    };
    gate.lab.publishTlsa('_853._tcp.members.example', [tlsaRdata(member)]);
  }

  afterEach(async () => {
    await gate.close();
    await upstream.close();
  });

  /** Asks at once on a connection of its own; over when it is closed, or all questions have their answers. */
  function visit(identity: IssuedIdentity | undefined, questions: readonly Buffer[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = identity === undefined ? {} : keyOf(identity);
      const at = { host: '127.0.0.1', port: gate.port, ALPNProtocols: ['dot'], rejectUnauthorized: false };
      const socket = tls.connect({ ...at, ...options });
      const reader = new FrameReader();
      const messages: Buffer[] = [];
      let [octets, error] = [0, ''];
      socket.on('error', (cause) => (error = 'code' in cause ? String(cause.code) : cause.message));
      socket.on('data', (chunk: Buffer) => {
        octets += chunk.length;
        messages.push(...reader.push(chunk));
        if (messages.length === questions.length) socket.end();
      });
      socket.once('secureConnect', () => socket.write(Buffer.concat(questions.map(frame))));
      socket.once('close', () => {
        resolve({ messages, octets, error });
      });
    });
  }

  const ask = (name: string): Buffer => query(name, { type: RrType.TXT, id: 7, options: [] });

  /** A member has asked, so that there is something to be found in memory. */
  async function memberAsks(): Promise<void> {
    const { messages } = await visit(member, [ask('www.known.example')]);
    expect(parseMessage(messages[0]!).answers).to.have.length(1);
  }

  it('gets one alert, the same for all, and not one octet of DNS', async () => {
    await open('alert');
    await memberAsks();
    const heard = upstream.heard.length;
    for (const [what, identity] of Object.entries(strangers)) {
      for (const name of names) {
        const outcome = await visit(identity, [ask(name)]);
        expect(outcome, what).to.deep.equal({ messages: [], octets: 0, error: handshakeFailure });
      }
    }
    expect(upstream.heard).to.have.length(heard);
    const count = Object.keys(strangers).length * names.length;
    await until('the log has them', () => gate.log.of('connection refused').length === count);
    const reasons = new Set(gate.log.of('connection refused').map(({ fields }) => fields['reason']));
    expect([...reasons]).to.have.members([
      'no-certificate',
      'key-mismatch',
      'not-admitted',
      'no-tlsa',
      'insecure',
    ]);
  });

  it('whose name the list does not have is not looked up', async () => {
    await open('alert');
    const before = gate.lab.resolver.queries.length;
    await visit(strangers['a proved name that is not in the list'], [ask('www.known.example')]);
    await visit(undefined, [ask('www.known.example')]);
    expect(gate.lab.resolver.queries.slice(before)).to.deep.equal([]);
  });

  it('hears REFUSED and no more where anonymous clients are heard: of any name, asked by others or not', async () => {
    await open('anonymous');
    await memberAsks();
    const heard = upstream.heard.length;
    for (const [what, identity] of Object.entries(strangers)) {
      const { messages } = await visit(identity, names.map(ask));
      expect(messages, what).to.have.length(names.length);
      for (const [index, octets] of messages.entries()) {
        const answer = parseMessage(octets);
        expect(answer.header).to.include({ rcode: Rcode.REFUSED, aa: false, ad: false, tc: false });
        expect([...answer.answers, ...answer.authorities, ...answer.additionals]).to.deep.equal([]);
        const error = parseExtendedError(findOption(answer.edns, EdnsOptionCode.EXTENDED_ERROR)!);
        expect(error.code).to.equal(EdeCode.PROHIBITED);
        // Nothing but the question differs.
        const rest = octets.subarray(12 + ask(names[index]!).length - 12 - 11);
        const firstRest = messages[0]!.subarray(12 + ask(names[0]).length - 12 - 11);
        expect(rest.equals(firstRest), what).to.equal(true);
      }
    }
    expect(upstream.heard).to.have.length(heard);
    await memberAsks();
  });

  it('and a member whose key was withdrawn is one', async () => {
    await open('alert');
    await memberAsks();
    gate.lab.withdrawTlsa('laptop.members.example');
    gate.passTime(310_000);
    expect(await visit(member, [ask('www.known.example')])).to.include({
      octets: 0,
      error: handshakeFailure,
    });
  });
});
