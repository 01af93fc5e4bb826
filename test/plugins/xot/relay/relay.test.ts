import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Opcode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { extendedError } from '../../../../core/dns/edns.ts';
import { frame } from '../../../../core/dns/framing.ts';
import { frameAll } from '../../../support/frame-all.ts';
import type { Message } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { parseSoa } from '../../../../core/dns/rdata.ts';
import type { RelayReport } from '../../../../plugins/xot/relay/relay.ts';
import { answer, bulk, edeOf, edns, soa, type RequestFields } from '../messages.ts';
import { RelayBed, wholeZone } from './relay-bed.ts';

describe('relay', () => {
  let bed: RelayBed;

  beforeEach(async () => {
    bed = await RelayBed.start();
  });

  afterEach(() => bed.close());

  const serials = (messages: Message[]): number[] =>
    messages.flatMap(({ answers }) =>
      answers.filter(({ type }) => type === RrType.SOA).map(({ rdata }) => parseSoa(rdata).serial),
    );

  it('gives every message with the ID of the client', async () => {
    bed.sends(...wholeZone);
    const messages = await bed.relayed();
    expect(messages.map(({ header }) => header.id)).to.deep.equal([0x4242, 0x4242, 0x4242]);
    expect(messages.map(({ answers }) => answers.length)).to.deep.equal([2, 2, 1]);
    expect(messages.every(({ edns: opt }) => opt !== undefined)).to.equal(true);
  });

  it('reports what it was', async () => {
    bed.sends(...wholeZone);
    await bed.relayed();
    expect(bed.reports).to.have.length(1);
    expect(bed.reports[0]).to.include({
      outcome: 'complete',
      form: 'whole',
      serial: 7,
      records: 5,
      messages: 3,
      rcode: 0,
      reason: '',
    });
    expect(bed.reports[0]?.octets).to.be.greaterThan(100);
  });

  const forms: [title: string, fields: RequestFields, answers: number[], report: Partial<RelayReport>][] = [
    [
      'IXFR of one version [RFC1995-4]',
      { type: RrType.IXFR, serial: 6 },
      [7, 6, 7, 7],
      { form: 'incremental' },
    ],
    ['IXFR that is not needed [RFC1995-2]', { type: RrType.IXFR, serial: 7 }, [7], { form: 'up-to-date' }],
    ['IXFR that is a whole zone', { type: RrType.IXFR, serial: 3 }, [7, 7], { form: 'whole' }],
    ['AXFR of an empty zone', {}, [7, 7], { form: 'whole' }],
  ];
  for (const [title, fields, answers, report] of forms) {
    it(`relays an ${title}`, async () => {
      bed.sends((query) =>
        answer(
          query,
          answers.map((serial) => soa(serial)),
        ),
      );
      expect(serials(await bed.relayed(fields))).to.deep.equal(answers);
      expect(bed.reports[0]).to.include({ outcome: 'complete', ...report });
    });
  }

  describe('asks the primary', () => {
    async function asked(fields: RequestFields): Promise<Message> {
      bed.sends((query) => answer(query, [soa(7), soa(7)]));
      await bed.relayed(fields);
      return bed.primary.heard[0]!.message;
    }

    it('the same question, in the case of the client, without recursion', async () => {
      const query = await asked({ name: Name.parse('EXAMPLE.com'), header: { rd: true } });
      expect(String(query.questions[0]?.name)).to.equal('EXAMPLE.com');
      expect(query.header).to.include({ qr: false, opcode: Opcode.QUERY, rd: false });
    });

    it('with the serial that the client has [RFC1995-3]', async () => {
      const { authorities } = await asked({ type: RrType.IXFR, serial: 6 });
      expect(authorities.map(({ rdata }) => parseSoa(rdata).serial)).to.deep.equal([6]);
    });

    it('with OPT of its own, and of the options only EXPIRE [RFC6891-6.1.1]', async () => {
      const expire = { code: EdnsOptionCode.EXPIRE, data: Buffer.alloc(0) };
      const cookie = { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(8) };
      const { edns: opt } = await asked({
        edns: { ...edns(cookie, expire), udpPayloadSize: 4096, dnssecOk: true },
      });
      expect(opt).to.deep.include({ options: [expire], dnssecOk: true });
    });

    it('without OPT when the client has none', async () => {
      expect((await asked({})).edns).to.equal(undefined);
    });
  });

  for (const rcode of ['REFUSED', 'NOTAUTH', 'SERVFAIL'] as const) {
    it(`gives ${rcode} of the primary to the client, with its reason [RFC5936-2.2]`, async () => {
      bed.sends((query) =>
        answer(query, [], { rcode: Rcode[rcode], edns: edns(extendedError(EdeCode.NOT_READY, 'loading')) }),
      );
      const [message] = await bed.relayed();
      expect(message?.header.rcode).to.equal(Rcode[rcode]);
      expect(edeOf(message)).to.deep.equal({ code: EdeCode.NOT_READY, text: 'loading' });
      expect(bed.reports[0]).to.include({
        outcome: 'refused-by-primary',
        rcode: Rcode[rcode],
        reason: `the primary answered ${rcode}`,
      });
    });
  }

  it('ends with an error that comes in mid-transfer [RFC5936-2.2]', async () => {
    bed.sends(wholeZone[0]!, (query) => answer(query, [], { rcode: Rcode.SERVFAIL }));
    expect((await bed.relayed()).map(({ header }) => header.rcode)).to.deep.equal([
      Rcode.NOERROR,
      Rcode.SERVFAIL,
    ]);
    expect(bed.reports[0]).to.include({ outcome: 'refused-by-primary' });
  });

  describe('keeps the connection to the primary', () => {
    it('for the next request when the answer was whole [RFC7766-6.2.1]', async () => {
      bed.sends(...wholeZone);
      for (let turn = 0; turn < 3; turn++) await bed.relayed();
      expect(bed.primary.connections).to.equal(1);
    });

    it('for one request at a time', async () => {
      bed.sends(...wholeZone);
      await Promise.all([bed.relayed(), bed.relayed(), bed.relayed()]);
      expect(bed.primary.connections).to.equal(3);
    });

    it('and asks once more on a new one when the primary has closed it meanwhile', async () => {
      let isFirst = true;
      bed.onQuery((query) => {
        if (query.connection === 1 && !isFirst) query.close();
        else query.send(frameAll(wholeZone.map((one) => one(query.message))));
        isFirst = false;
      });
      await bed.relayed();
      expect(await bed.relayed()).to.have.length(3);
      expect(bed.primary.heard.map(({ connection }) => connection)).to.deep.equal([1, 1, 2]);
      expect(bed.reports.map(({ outcome }) => outcome)).to.deep.equal(['complete', 'complete']);
    });

    it('but asks no third time', async () => {
      let answered = 0;
      bed.onQuery((query) => {
        if (answered++ === 0) query.send(frameAll(wholeZone.map((one) => one(query.message))));
        else query.close();
      });
      await bed.relayed();
      expect((await bed.relayed()).at(-1)?.header.rcode).to.equal(Rcode.SERVFAIL);
      expect(bed.primary.heard).to.have.length(3);
    });
  });

  describe('when the client leaves', () => {
    it('stops, and closes the connection to the primary', async () => {
      bed.onQuery((query) => {
        query.send(frame(wholeZone[0]!(query.message)));
      });
      const answers = bed.begin();
      await answers.next();
      const rest = answers.next();
      bed.abort.abort();
      expect(await rest).to.deep.equal({ value: undefined, done: true });
      expect(bed.reports[0]).to.include({ outcome: 'cut', reason: 'the connection to the client ended' });
      while (bed.primary.openConnections > 0) await nextTurn();
    });

    it('stops also between two messages', async () => {
      bed.sends(...wholeZone.slice(0, 2));
      const answers = bed.begin();
      await answers.next();
      await answers.return();
      expect(bed.reports).to.have.length(1);
      expect(bed.reports[0]).to.include({ outcome: 'cut' });
      while (bed.primary.openConnections > 0) await nextTurn();
    });
  });

  it('takes no more from the primary than the client does', async () => {
    let isHeldBack = false;
    bed.onQuery(({ message, socket, send }) => {
      send(frame(answer(message, [soa(7)])));
      const large = frame(answer({ ...message, questions: [] }, [bulk(60_000)]));
      const more = (): void => {
        for (let count = 0; count < 20_000 && socket?.write(large); count++);
        isHeldBack = socket?.writableNeedDrain ?? false;
      };
      socket?.on('drain', more);
      more();
    });
    const answers = bed.begin();
    await answers.next();
    let taken = 0;
    // The kernel takes some megabytes; after that the primary has to wait.
    for (let turn = 0; turn < 200; turn++) {
      await nextTurn();
      if (turn % 50 === 0) taken += (await answers.next()).value?.length ?? 0;
    }
    expect(isHeldBack).to.equal(true);
    expect(taken).to.be.lessThan(60_000_000);
    await answers.return();
  });
});
