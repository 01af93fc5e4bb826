import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import { makeResponse } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseAnchors, TrustAnchors } from '../../../core/dnssec/anchors.ts';
import { defaultValidationLimits } from '../../../core/dnssec/budget.ts';
import { ask } from '../../../lab/ask.ts';
import { DotServer, dotAuthority, pemOf } from '../../support/dot-server.ts';
import { onlyFor, spoil, strip, type Change } from '../../support/relay.ts';
import { owner, second, tlsa, ValidatingBed } from '../../support/validating-bed.ts';

describe('ValidatingResolver, with servers that are not as they should be', () => {
  let bed: ValidatingBed;
  beforeEach(async () => {
    bed = await ValidatingBed.start();
  });
  afterEach(() => bed.close());

  describe('after a bogus result', () => {
    it('asks the next server, and believes what can be proved', async () => {
      const [bad, good] = [await bed.relay(onlyFor(RrType.TLSA, spoil)), await bed.relay()];
      const resolver = bed.resolver([bad, good]);
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
      expect(bad.heard.filter(({ message }) => message.questions[0]!.type === RrType.TLSA)).to.have.length(1);
      expect(await bed.questions(() => resolver.lookup(owner, RrType.TLSA))).to.equal(0);
    });

    it('asks the only server over TCP, where a forger needs more than luck', async () => {
      const forged = await bed.relay((answer, query) =>
        query.over === 'udp' ? spoil(answer, query) : answer,
      );
      expect(await bed.resolver([forged]).lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
    });

    it('stays bogus when all say the same, and has asked each once', async () => {
      const bad = [await bed.relay(spoil), await bed.relay(spoil)];
      expect(await bed.resolver(bad).lookup(owner, RrType.TLSA)).to.include({ status: 'bogus' });
      const asked = bad.flatMap(({ heard }) => heard.map(({ message }) => message.questions[0]!.type));
      expect(asked.filter((type) => type === RrType.TLSA)).to.have.length(2);
    });

    it('forgets the keys that it knew, since they may have been rolled', async () => {
      const later = await bed.newLab();
      const other = Name.parse('other.ns2.example');
      later.publishTlsa(other, [tlsa]);
      let current = bed.lab;
      const server = await bed.relay(undefined, () => current.resolver);
      const anchors = [bed.lab, later].flatMap((each) => parseAnchors(each.rootAnchor()));
      const resolver = bed.resolver([server], { anchors: new TrustAnchors(anchors) });
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
      current = later;
      expect(await resolver.lookup(other, RrType.TLSA)).to.include({ status: 'secure' });
      // And knows the new ones from then on.
      const before = later.resolver.queries.length;
      await resolver.lookup(Name.parse('more.ns2.example'), RrType.TLSA);
      expect(later.resolver.queries.length - before).to.equal(1);
    });

    it('does not do the work twice when a limit of work has ended it', async () => {
      const servers = [await bed.relay(), await bed.relay()];
      const validationLimits = { ...defaultValidationLimits, signatures: 0 };
      const result = await bed.resolver(servers, { validationLimits }).lookup(owner, RrType.TLSA);
      expect(result.verdict).to.include({ status: 'bogus', reason: 'work-limit' });
      expect(servers[1]!.heard).to.have.length(0);
    });
  });

  describe('a resolver that strips DNSSEC records', () => {
    it('is named in the result, with what to do', async () => {
      const stripping = await bed.relay(strip);
      const result = await bed.resolver([stripping]).lookup(owner, RrType.TLSA);
      expect(result).to.include({ status: 'bogus' });
      expect(result.verdict!.reason).to.equal('dnssec-stripped');
      expect(result.detail)
        .to.include(`127.0.0.1:${stripping.port}`)
        .and.match(/dnssec/i);
    });

    it('is named also when it begins to strip after it was known', async () => {
      let change: Change = (answer) => answer;
      const server = await bed.relay((answer, query) => change(answer, query));
      const resolver = bed.resolver([server]);
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
      change = strip;
      const result = await resolver.lookup(Name.parse('other.ns2.example'), RrType.TLSA);
      expect(result.verdict).to.include({ status: 'bogus', reason: 'dnssec-stripped' });
    });

    it('is passed over for another one, and asked last from then on', async () => {
      const [stripping, good] = [await bed.relay(strip), await bed.relay()];
      const resolver = bed.resolver([stripping, good]);
      expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
      const before = stripping.heard.length;
      await resolver.lookup(Name.parse('other.stranger.example'), RrType.TLSA);
      expect(stripping.heard).to.have.length(before);
      expect(bed.log.of('resolver strips DNSSEC').map(({ fields }) => fields['resolver'])).to.deep.equal([
        `127.0.0.1:${stripping.port}`,
      ]);
    });

    it('is asked first again when its answers have been found secure', async () => {
      let change: Change = strip;
      const [first, good] = [await bed.relay((answer, query) => change(answer, query)), await bed.relay()];
      const resolver = bed.resolver([first, good]);
      await resolver.lookup(owner, RrType.TLSA);
      change = (answer) => answer;
      bed.nowMs += 300 * second;
      await resolver.lookup(owner, RrType.TLSA);
      expect(bed.log.lines.map(({ event }) => event)).to.deep.equal([
        'resolver strips DNSSEC',
        'resolver up',
      ]);
    });
  });

  it('goes on with the second server when the first is away', async () => {
    const away = await bed.relay(() => undefined);
    const resolver = bed.resolver([away, bed.lab.resolver], { limits: { 'retry-after': 50 } });
    expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
    expect(bed.log.of('resolver down')).to.have.length(1);
  });

  it('validates what comes over TLS', async () => {
    const dot = await DotServer.start(({ message, reply }) => {
      const [{ name, type }] = message.questions as [(typeof message.questions)[0]];
      void ask(bed.lab.resolver, { name, type, rd: true, cd: true, dnssecOk: true }).then(
        ({ header, answers, authorities }) =>
          reply(makeResponse(message, { ra: true, rcode: header.rcode, answers, authorities })),
      );
    });
    bed.closeLater(dot);
    const { address, port } = dot;
    const tls = { name: 'resolver.example', ca: [pemOf(dotAuthority)] };
    const resolver = bed.resolver([{ address, port, tls }]);
    expect(await resolver.lookup(owner, RrType.TLSA)).to.include({ status: 'secure' });
    expect(dot.connections).to.equal(1);
  });
});
