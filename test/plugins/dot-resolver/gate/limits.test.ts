import { expect } from 'chai';
import { EdeCode, Rcode, RrType } from '../../../../core/dns/constants.ts';
import { parseMessage } from '../../../../core/dns/message.ts';
import { until } from '../../../support/gate.ts';
import { query } from '../../../core/answer/wire.ts';
import { codesOf, textsOf, type Visitor } from '../../../support/answer-gate-bed.ts';
import { GateBed, zoneOf } from './gate-bed.ts';
import { HeldUpstream } from '../../../support/held-upstream.ts';

const busy = `${String(Rcode.SERVFAIL)} ${String(EdeCode.OTHER)}`;
const txt = { type: RrType.TXT };

describe('the limits of the gate of dot-resolver', () => {
  describe('on how often', () => {
    let bed: GateBed;

    beforeEach(() => {
      bed = new GateBed({
        config: {
          views: {
            default: { zones: { 'corp.example': 'corp.zone' } },
            slow: { zones: { 'corp.example': 'corp.zone' }, rate: '10/s', burst: 5 },
          },
          roles: { guest: { rate: '4/s', burst: 4 } },
        },
        access: `
clients:
  "*.member.example": { allow: [{ action: resolve, rate: 3/s, burst: 3 }] }
  "*.guest.example": { roles: [guest], allow: [{ action: resolve }] }
  "*.slow.example": { allow: [{ action: resolve, view: slow }] }
  "*.free.example": { allow: [{ action: resolve }] }
  "*.at-once.example": { allow: [{ action: resolve, requests-at-once: 2 }] }
`,
        files: { 'corp.zone': zoneOf('corp') },
      });
    });

    afterEach(() => bed.close());

    /** How many of so many questions are answered; the others must be refused as too many. */
    async function answered(visitor: Visitor, count: number): Promise<number> {
      let answers = 0;
      for (let index = 0; index < count; index += 1) {
        const codes = codesOf(await visitor.ask('www.corp.example', txt));
        expect(codes).to.be.oneOf(['0', busy]);
        if (codes === '0') answers += 1;
      }
      return answers;
    }

    it('a client may ask, on all its connections together', async () => {
      const [one, two] = [bed.connect('a.member.example'), bed.connect('a.member.example')];
      expect(await answered(one, 2)).to.equal(2);
      expect(await answered(two, 5)).to.equal(1);
      expect(await answered(bed.connect('b.member.example'), 5)).to.equal(3);
      bed.nowMs += 1_000;
      expect(await answered(one, 5)).to.equal(3);
      expect(await bed.metric('resolve_refused_total{reason="too-fast"}')).to.equal(8);
    });

    it('all members of a role may ask together', async () => {
      expect(await answered(bed.connect('a.guest.example'), 3)).to.equal(3);
      expect(await answered(bed.connect('b.guest.example'), 5)).to.equal(1);
      expect(await answered(bed.connect('a.free.example'), 5)).to.equal(5);
      bed.nowMs += 500;
      expect(await answered(bed.connect('c.guest.example'), 5)).to.equal(2);
    });

    it('all who see a view may ask together', async () => {
      expect(await answered(bed.connect('a.slow.example'), 4)).to.equal(4);
      expect(await answered(bed.connect('b.slow.example'), 5)).to.equal(1);
      expect(await answered(bed.connect('a.free.example'), 10)).to.equal(10);
      bed.nowMs += 300;
      expect(await answered(bed.connect('c.slow.example'), 5)).to.equal(3);
    });

    it('holds for answers from memory as for others', async () => {
      // The zone is local, and the same name is asked for: all but the first come from memory.
      expect(await answered(bed.connect('a.member.example'), 10)).to.equal(3);
      expect(
        await bed.metric('resolve_replies_total{view="default",from="memory",rcode="NOERROR"}'),
      ).to.equal(2);
    });

    it('gives back the place of each question that was answered at once', async () => {
      expect(await answered(bed.connect('a.at-once.example'), 20)).to.equal(20);
    });
  });

  describe('on how much at once', () => {
    let upstream: HeldUpstream;
    let bed: GateBed;

    beforeEach(async () => {
      upstream = await HeldUpstream.start('here');
      upstream.isHeld = true;
      const view = { upstreams: [upstream.at], transport: 'tcp' };
      bed = new GateBed({
        config: {
          views: { default: view, small: { ...view, 'requests-at-once': 3 } },
          roles: { few: { 'requests-at-once': 2 }, high: { class: 'high' }, low: { class: 'low' } },
          limits: { questions: 10 },
        },
        access: `
clients:
  "*.free.example": { allow: [{ action: resolve }] }
  "*.two.example": { allow: [{ action: resolve, requests-at-once: 2 }] }
  "*.few.example": { roles: [few], allow: [{ action: resolve }] }
  "*.small.example": { allow: [{ action: resolve, view: small }] }
  "*.high.example": { roles: [high], allow: [{ action: resolve }] }
  "*.low.example": { roles: [low], allow: [{ action: resolve }] }
  "*.both.example": { roles: [few], allow: [{ action: resolve, view: small }] }
`,
      });
    });

    afterEach(async () => {
      await bed.close();
      await upstream.close();
    });

    let lastName = 0;

    /** Asks for so many names that nobody has asked for; the codes of the refusals that come at once. */
    async function begin(visitor: Visitor, count: number): Promise<string[]> {
      const before = visitor.replies.length;
      for (let index = 0; index < count; index += 1) {
        lastName += 1;
        await visitor.send(query(`n${String(lastName)}.example`, { ...txt, id: lastName, options: [] }));
      }
      return visitor.replies.slice(before).map((reply) => codesOf(parseMessage(reply)));
    }

    it('a client may have under way, on all its connections together', async () => {
      const [one, two] = [bed.connect('a.two.example'), bed.connect('a.two.example')];
      expect(await begin(one, 1)).to.deep.equal([]);
      expect(await begin(two, 2)).to.deep.equal([busy]);
      expect(await begin(bed.connect('b.two.example'), 2)).to.deep.equal([]);
      upstream.release();
      await until('the answers are there', () => one.replies.length + two.replies.length === 3, 20_000);
      upstream.isHeld = true;
      expect(await begin(two, 3)).to.deep.equal([busy]);
    });

    it('all members of a role may have under way', async () => {
      expect(await begin(bed.connect('a.few.example'), 1)).to.deep.equal([]);
      expect(await begin(bed.connect('b.few.example'), 3)).to.deep.equal([busy, busy]);
      upstream.release();
      await until('nothing is under way', async () => (await bed.metric('resolve_questions')) === 0, 20_000);
      upstream.isHeld = true;
      expect(await begin(bed.connect('c.few.example'), 3)).to.deep.equal([busy]);
    });

    it('all who see a view may have under way, and who is refused by it holds no place of his role', async () => {
      expect(await begin(bed.connect('a.small.example'), 3)).to.deep.equal([]);
      expect(await begin(bed.connect('a.both.example'), 5)).to.deep.equal([busy, busy, busy, busy, busy]);
      expect(await begin(bed.connect('a.few.example'), 2)).to.deep.equal([]);
    });

    it('gives the places back when the client has gone before its answers', async () => {
      const gone = bed.connect('a.two.example');
      await begin(gone, 2);
      gone.leave();
      upstream.release();
      await until('nothing is under way', async () => (await bed.metric('resolve_questions')) === 0, 20_000);
      upstream.isHeld = true;
      expect(gone.replies).to.deep.equal([]);
      expect(await begin(bed.connect('a.two.example'), 2)).to.deep.equal([]);
    });

    it('the classes of service have their shares of the places', async () => {
      const [low, normal, high] = ['a.low.example', 'a.free.example', 'a.high.example'].map((name) =>
        bed.connect(name),
      );
      const servfail = String(Rcode.SERVFAIL);
      // Half of ten places, then four fifths, then all.
      const refusals = [await begin(low!, 6), await begin(normal!, 4), await begin(high!, 3)];
      expect(refusals.map((codes) => codes.length)).to.deep.equal([1, 1, 1]);
      for (const [codes] of refusals) expect(codes).to.match(new RegExp(`^${servfail} \\d+$`));
      expect(await begin(low!, 1)).to.have.length(1);
      upstream.release();
      await until('the answers are there', () => high!.replies.length === 3, 20_000);
      expect(textsOf(parseMessage(high!.replies.at(-1)!))).to.deep.equal(['here']);
    });

    it('one question that many ask holds one place, and is asked once', async () => {
      const visitors = Array.from({ length: 30 }, (_, index) =>
        bed.connect(`m${String(index)}.free.example`),
      );
      for (const [index, visitor] of visitors.entries())
        await visitor.send(
          query(index % 2 === 0 ? 'same.example' : 'SAME.example', { ...txt, id: index, options: [] }),
        );
      expect(await bed.metric('resolve_questions')).to.equal(1);
      upstream.release();
      await until('all have answers', () => visitors.every(({ replies }) => replies.length === 1), 20_000);
      expect(upstream.heard).to.have.length(1);
      for (const [index, { replies }] of visitors.entries()) {
        const answer = parseMessage(replies[0]!);
        expect(answer.header.id).to.equal(index);
        // As each of them wrote it.
        expect(answer.questions[0]!.name.toString()).to.equal(
          index % 2 === 0 ? 'same.example' : 'SAME.example',
        );
        expect(textsOf(answer)).to.deep.equal(['here']);
      }
    });
  });
});
