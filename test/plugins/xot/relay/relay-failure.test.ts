import { expect } from 'chai';
import { EdeCode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { frameAll } from '../../../support/frame-all.ts';
import type { Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { PlainUpstream } from '../../../../plugins/xot/upstream/plain-upstream.ts';
import { unusedPort, type HeardQuery } from '../../../support/dns-server.ts';
import { address, answer, edeOf, edns, request, soa } from '../messages.ts';
import { RelayBed, wholeZone } from './relay-bed.ts';

describe('relay, when the primary fails', () => {
  let bed: RelayBed;

  beforeEach(async () => {
    bed = await RelayBed.start();
  });

  afterEach(() => bed.close());

  const begun = wholeZone[0]!;
  const after = (query: HeardQuery, ...octets: Buffer[]): void => {
    query.send(Buffer.concat([frame(begun(query.message)), ...octets]));
  };
  const failures: [title: string, infoCode: number, fail: (query: HeardQuery) => void][] = [
    [
      'closes in mid-transfer',
      EdeCode.NETWORK_ERROR,
      (query) => {
        after(query);
        query.close();
      },
    ],
    [
      'closes in the middle of a message',
      EdeCode.NETWORK_ERROR,
      (query) => {
        after(query, Buffer.from([0, 99, 1]));
        query.close();
      },
    ],
    ['resets the connection', EdeCode.NETWORK_ERROR, (query) => query.socket?.resetAndDestroy()],
    ['closes without an answer', EdeCode.NETWORK_ERROR, ({ close }) => close()],
    ['says nothing', EdeCode.NETWORK_ERROR, () => undefined],
    ['says nothing more', EdeCode.NETWORK_ERROR, (query) => after(query)],
    ['sends what is no message', EdeCode.INVALID_DATA, (query) => after(query, Buffer.from([0, 3, 1, 2, 3]))],
    [
      'sends a message of nonsense',
      EdeCode.INVALID_DATA,
      (query) => after(query, frame(Buffer.alloc(40, 0xc0))),
    ],
    [
      'answers with another ID',
      EdeCode.INVALID_DATA,
      ({ message, send }) => send(frame(answer(withId(message), [soa(7), soa(7)]))),
    ],
    [
      'answers another question',
      EdeCode.INVALID_DATA,
      ({ message, send }) => send(frame(answer(about(message), [soa(7), soa(7)]))),
    ],
    [
      'sends the query back',
      EdeCode.INVALID_DATA,
      ({ send, message }) => send(frame(request({ id: message.header.id }))),
    ],
    [
      'does not begin with an SOA [RFC5936-2.2]',
      EdeCode.INVALID_DATA,
      ({ message, send }) => send(frame(answer(message, [address('a')]))),
    ],
    [
      'sends an empty SOA of another class',
      EdeCode.INVALID_DATA,
      ({ message, send }) =>
        send(frame(answer(message, [{ ...soa(7), class: RrClass.NONE, rdata: Buffer.alloc(0) }]))),
    ],
    [
      'changes the serial in mid-transfer',
      EdeCode.INVALID_DATA,
      (query) => after(query, frame(answer(query.message, [soa(8)]))),
    ],
    [
      'goes on after the end',
      EdeCode.INVALID_DATA,
      (query) => after(query, frame(answer(query.message, [soa(7), address('z')]))),
    ],
    [
      'sends a message after the end',
      EdeCode.INVALID_DATA,
      (query) => after(query, frameAll([answer(query.message, [soa(7)]), begun(query.message)])),
    ],
  ];
  for (const [title, infoCode, fail] of failures) {
    it(`and ${title}, the client gets SERVFAIL and no whole zone`, async () => {
      bed.onQuery(fail);
      const messages = await bed.relayed({ edns: edns() }, { 'primary-answer-time': 60 });
      const last = messages.at(-1);
      expect(last?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(edeOf(last)?.code).to.equal(infoCode);
      expect(bed.reports).to.have.length(1);
      expect(bed.reports[0]).to.include({ outcome: 'failed', rcode: Rcode.SERVFAIL });
      expect(looksWhole(messages)).to.equal(false);
    });

    it(`and ${title}, nobody else gets the rest of it`, async () => {
      bed.onQuery(fail);
      await bed.relayed({ edns: edns() }, { 'primary-answer-time': 60 });
      bed.sends(...wholeZone);
      expect(await bed.relayed()).to.have.length(3);
      expect(bed.primary.heard.at(-1)?.connection).to.equal(bed.primary.heard.length);
    });
  }

  it('and is not there, the client gets SERVFAIL with "no reachable authority" [RFC8914-4.23]', async () => {
    bed.upstream = new PlainUpstream({ address: '127.0.0.1', port: await unusedPort() }, bed.times);
    const [message, ...more] = await bed.relayed();
    expect(message?.header.rcode).to.equal(Rcode.SERVFAIL);
    expect(edeOf(message)).to.deep.equal({
      code: EdeCode.NO_REACHABLE_AUTHORITY,
      text: 'the primary cannot be reached',
    });
    expect(more).to.deep.equal([]);
  });

  it('the client does not learn where the primary is, the log does', async () => {
    bed.onQuery(({ close }) => {
      close();
    });
    const [message] = await bed.relayed();
    expect(edeOf(message)?.text).to.not.include(String(bed.primary.port));
    expect(bed.reports[0]?.reason).to.include(`127.0.0.1:${bed.primary.port}`);
  });
});

/** Whether a secondary would take these messages for a whole zone. */
function looksWhole(messages: readonly Message[]): boolean {
  const records = messages.flatMap(({ answers }) => answers);
  const [first] = records;
  const last = records.at(-1);
  return (
    records.length > 1 &&
    first?.type === RrType.SOA &&
    last?.type === RrType.SOA &&
    first.rdata.equals(last.rdata)
  );
}

function withId(query: Message): Message {
  return { ...query, header: { ...query.header, id: query.header.id ^ 1 } };
}

function about(query: Message): Message {
  return { ...query, questions: [{ ...query.questions[0]!, name: Name.parse('example.net') }] };
}
