import { expect } from 'chai';
import { EdeCode, Rcode, RrType } from '../../../core/dns/constants.ts';
import { extendedError } from '../../../core/dns/edns.ts';
import type { Message } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { internet, long } from './answer-zones.ts';
import { isDataType } from '../../../core/dnssec/lookup.ts';
import { SignedInternet } from '../../support/signed-internet.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { falseTlsa, forged, saying, trueTlsa, unsigned } from './lies.ts';

describe('the answer to one question', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason, rcode, records } = run.verdict;
    return { ...run, result: `${status} ${reason} ${rcode} ${records.length}` };
  }

  function lied(question: string, change: (truth: Message) => Message): string {
    return judge(question, { lie: lieAbout(question, change) }).result;
  }

  for (const zone of ['z', 'z3']) {
    describe(`of a zone with ${zone === 'z' ? 'NSEC' : 'NSEC3'}`, () => {
      const truths: [question: string, result: string, what: string][] = [
        [`TLSA _xfr.${zone}`, 'secure signed 0 1', 'a record'],
        [`TLSA _XFR.${zone.toUpperCase()}`, 'secure signed 0 1', 'a record, in other letters [RFC4034-6.2]'],
        [`TLSA \\000\\255\\046b.${zone}`, 'secure signed 0 1', 'a binary label [RFC2181-11]'],
        [`TLSA q.w.${zone}`, 'secure signed 0 1', 'a wildcard [RFC4035-5.3.4]'],
        [`TLSA p.q.w.${zone}`, 'secure signed 0 1', 'a wildcard over two labels [RFC4592-2.1.3]'],
        [`TLSA *.w.${zone}`, 'secure signed 0 1', 'the wildcard itself [RFC4035-5.3.2]'],
        [`TXT q.w.${zone}`, 'secure denied 0 0', 'a wildcard without the type [RFC4035-5.4]'],
        [`TLSA b.w.${zone}`, 'secure denied 0 0', 'a name closer than a wildcard'],
        [`TLSA nowhere.${zone}`, 'secure denied 3 0', 'no such name [RFC4035-5.4]'],
        [`TLSA a.b.nowhere.${zone}`, 'secure denied 3 0', 'no such name above'],
        [`A _xfr.${zone}`, 'secure denied 0 0', 'no such type [RFC4035-5.4]'],
        [`TLSA deep.${zone}`, 'secure denied 0 0', 'an empty non-terminal [RFC8020-2]'],
        [`TLSA c.${zone}`, 'secure signed 0 1', 'an alias in the zone'],
        [`CNAME c.${zone}`, 'secure signed 0 1', 'the alias itself'],
        [`TLSA x.cw.${zone}`, 'secure signed 0 1', 'an alias from a wildcard'],
        [`TLSA out.${zone}`, 'secure signed 0 1', 'an alias into another zone'],
        [`TLSA plain.${zone}`, 'insecure no-ds 0 1', 'an alias into an insecure zone'],
        [`TLSA gone.${zone}`, 'secure denied 3 0', 'an alias to nowhere'],
        [`TLSA _xfr.d.${zone}`, 'secure signed 0 1', 'a DNAME with the CNAME made from it [RFC6672-5.3.1]'],
        [`TLSA _xfr.sub.d.${zone}`, 'secure signed 0 1', 'a DNAME over two labels [RFC6672-2.2]'],
        [`TLSA nowhere.d.${zone}`, 'secure denied 3 0', 'a DNAME to nowhere'],
        [`DNAME d.${zone}`, 'secure signed 0 1', 'the DNAME itself'],
        [
          `TLSA d.${zone}`,
          'secure denied 0 0',
          'the owner of a DNAME, which is not redirected [RFC6672-2.3]',
        ],
        [`CNAME _xfr.d.${zone}`, 'secure signed 0 1', 'the CNAME that a DNAME makes [RFC6672-3.1]'],
        [`TLSA ${long}.long.${zone}`, 'secure denied 6 0', 'a DNAME to too long a name [RFC6672-2.2]'],
        [`NSEC3PARAM ${zone}`, zone === 'z' ? 'secure denied 0 0' : 'secure signed 0 1', 'NSEC3 parameters'],
      ];
      for (const [question, result, what] of truths) {
        it(`finds ${what}: ${result}`, () => {
          expect(judge(question).result).to.equal(result);
        });
      }

      it('wants the proof that nothing is closer than the wildcard [RFC4035-5.3.4]', () => {
        const question = `TLSA q.w.${zone}`;
        expect(lied(question, (truth) => saying(truth, { answers: truth.answers }))).to.equal(
          'bogus denial-missing 2 0',
        );
        // The truth for another name is a lie for one that is there.
        const { answers, authorities } = internet.answer(`c.w.${zone}`, RrType.TLSA);
        const name = Name.parse(`b.w.${zone}`);
        const moved = answers.map((record) => ({ ...record, name }));
        expect(lied(`TLSA b.w.${zone}`, (truth) => saying(truth, { answers: moved, authorities }))).to.match(
          /^bogus denial-/,
        );
      });

      it('says what is proved where the response code says something else', () => {
        expect(
          lied(`A _xfr.${zone}`, (truth) => ({ ...truth, header: { ...truth.header, rcode: 3 } })),
        ).to.equal('secure denied 0 0');
        expect(
          lied(`TLSA nowhere.${zone}`, (truth) => ({ ...truth, header: { ...truth.header, rcode: 0 } })),
        ).to.equal('secure denied 3 0');
        expect(
          lied(`TLSA _xfr.${zone}`, (truth) => ({ ...truth, header: { ...truth.header, rcode: 3 } })),
        ).to.equal('secure signed 0 1');
      });

      it('takes no part of a proof for the whole [RFC4035-5.4]', () => {
        for (const question of [`TLSA nowhere.${zone}`, `TXT q.w.${zone}`, `TLSA a.b.nowhere.${zone}`]) {
          const { verdict } = judge(question);
          const [type = '', name = ''] = question.split(' ');
          const { authorities } = internet.answer(name, type === 'TXT' ? RrType.TXT : RrType.TLSA);
          const owners = new Set(
            authorities
              .filter(({ type: each }) => each === RrType.NSEC || each === RrType.NSEC3)
              .map((r) => r.name.key),
          );
          expect(verdict.status).to.equal('secure');
          for (const owner of owners) {
            const rest = authorities.filter((record) => record.name.key !== owner);
            const result = lied(question, (truth) =>
              saying(truth, { rcode: truth.header.rcode, authorities: rest }),
            );
            expect(result, `${question} without ${owner}`).to.match(/^bogus denial-/);
          }
        }
      });

      it('takes no denial of one name for another, nor of a type that is there', () => {
        for (const other of [
          `nowhere.${zone}`,
          `_xfr.${zone}`,
          `c.${zone}`,
          `deep.${zone}`,
          `q.w.${zone}`,
          zone,
        ]) {
          for (const type of [RrType.A, RrType.TLSA]) {
            const { authorities } = internet.answer(other, type);
            for (const rcode of [0, 3]) {
              const result = lied(`TLSA _xfr.${zone}`, (truth) => saying(truth, { rcode, authorities }));
              expect(result, `${other} ${type}`).to.match(/^bogus denial-/);
            }
          }
        }
      });

      it('takes no denial of a type where there is an alias [RFC6840-4.3]', () => {
        const denial = internet.signer(zone).denial(`c.${zone}`);
        expect(lied(`TLSA c.${zone}`, (truth) => saying(truth, { authorities: denial }))).to.equal(
          'bogus denial-wrong 2 0',
        );
      });

      it('takes nothing that is below a DNAME for absent [RFC6840-4.1]', () => {
        const denial = internet.signer(zone).denial(`d.${zone}`);
        const more = internet.answer(`nowhere.${zone}`, RrType.A).authorities;
        expect(
          lied(`TLSA _xfr.d.${zone}`, (truth) =>
            saying(truth, { rcode: 3, authorities: [...denial, ...more] }),
          ),
        ).to.match(/^bogus denial-/);
      });

      it('wants a denial signed', () => {
        expect(lied(`A _xfr.${zone}`, (truth) => unsigned(truth, RrType.NSEC, RrType.NSEC3))).to.equal(
          'bogus no-signature 2 0',
        );
        expect(lied(`A _xfr.${zone}`, (truth) => saying(truth, {}))).to.equal('bogus denial-missing 2 0');
        expect(lied(`A _xfr.${zone}`, (truth) => unsigned(truth, RrType.SOA))).to.equal('secure denied 0 0');
      });
    });
  }

  describe('where NSEC proves absence', () => {
    it('takes no denial by the record of a wildcard under another name [RFC4035-5.3.4]', () => {
      const signer = internet.signer('z');
      const authorities = signer.expanded('*.w.z', '!.w.z', RrType.NSEC);
      const result = lied('TXT !.w.z', (truth) => saying(truth, { authorities }));
      expect(result).to.match(/^bogus denial-/);
    });

    it('names what is missing of the proof that was claimed', () => {
      const wildcard = internet.signer('z').denial('*.z');
      const without = (rcode: number) => (truth: Message) =>
        saying(truth, {
          rcode,
          authorities: truth.authorities.filter(({ name }) => !name.equals(wildcard[0]!.name)),
        });
      const question = 'TLSA nowhere.z';
      const words = (rcode: number) =>
        judge(question, { lie: lieAbout(question, without(rcode)) }).verdict.detail;
      expect(words(3)).to.contain('shows that *.z does not exist');
      expect(words(0)).to.contain('is about the wildcard *.z');
    });
  });

  describe('where NSEC3 proves less than absence', () => {
    it('calls a denial in an opt-out span insecure [RFC5155-9.2]', () => {
      expect(judge('TLSA nowhere.oo').result).to.equal('insecure opt-out 3 0');
      expect(judge('DS nowhere.oo').result).to.equal('insecure opt-out 3 0');
    });

    it('calls a wildcard answer in an opt-out span insecure [RFC5155-8.8]', () => {
      expect(judge('TLSA q.w.oo').result).to.equal('insecure opt-out 0 1');
    });

    it('computes no more than 50 iterations, and calls what would need them insecure [RFC9276-3.2]', () => {
      expect(judge('TLSA nowhere.z51').result).to.equal('insecure nsec3-iterations 3 0');
      expect(judge('TLSA q.w.z51').result).to.equal('insecure nsec3-iterations 0 1');
      expect(judge('TLSA _xfr.z51').result).to.equal('secure signed 0 1');
      const key = internet.keys.get('other')![0]!;
      const nsec3 = forged(
        '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.z. NSEC3 1 0 999 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A',
        key,
        'z',
      );
      expect(lied('TLSA _xfr.z', (truth) => saying(truth, { authorities: nsec3 }))).to.match(/^bogus /);
    });
  });

  describe('with things in it that do not belong', () => {
    it('ignores other names, other types, other classes and other sections', () => {
      const extra = parseRecords(`_xfr.other. TLSA ${falseTlsa}\n_xfr.z. A 192.0.2.66\nz. NS ns.plain.`);
      const chaos = parseRecords(`_xfr.z. TLSA ${falseTlsa}`).map((record) => ({ ...record, class: 3 }));
      const { verdict, result } = judge('TLSA _xfr.z', {
        lie: lieAbout('TLSA _xfr.z', (truth) => ({
          ...truth,
          answers: [...extra, ...chaos, ...truth.answers],
          authorities: parseRecords(`_xfr.z. TLSA ${falseTlsa}`),
          additionals: parseRecords(`_xfr.z. TLSA ${falseTlsa}`),
        })),
      });
      expect(result).to.equal('secure signed 0 1');
      expect(verdict.records[0]!.rdata.toString('hex')).to.contain('abab');
    });

    it('takes no record from another section or class for the answer', () => {
      const signed = internet.signer('z').records('_xfr.z', RrType.TLSA);
      expect(lied('TLSA _xfr.z', (truth) => saying(truth, { authorities: signed }))).to.equal(
        'bogus denial-missing 2 0',
      );
      const chaos = signed.map((record) => ({ ...record, class: 3 }));
      expect(lied('TLSA _xfr.z', (truth) => saying(truth, { answers: chaos }))).to.equal(
        'bogus denial-missing 2 0',
      );
    });

    it('takes no more and no fewer records than were signed [RFC4035-5.3.2]', () => {
      expect(
        lied('TLSA _xfr.z', (truth) => ({
          ...truth,
          answers: [...truth.answers, ...parseRecords(`_xfr.z. TLSA ${falseTlsa}`)],
        })),
      ).to.equal('bogus bad-signature 2 0');
      expect(
        lied('TLSA _xfr.z', (truth) => ({ ...truth, answers: [...truth.answers, ...truth.answers] })),
      ).to.equal('secure signed 0 1');
    });

    it('proves nothing by signatures alone', () => {
      expect(
        lied('TLSA _xfr.z', (truth) =>
          saying(truth, { answers: truth.answers.filter(({ type }) => type === RrType.RRSIG) }),
        ),
      ).to.equal('bogus denial-missing 2 0');
    });
  });

  describe('that is none', () => {
    it('is indeterminate, with the words of Extended DNS Errors [RFC8914-2]', () => {
      const options = [extendedError(EdeCode.NETWORK_ERROR, 'cannot\u001b[31m reach 192.0.2.9')];
      const edns = { udpPayloadSize: 1232, version: 0, dnssecOk: true, extendedRcode: 0, options };
      const { result, verdict } = judge('TLSA _xfr.z', {
        lie: lieAbout('TLSA _xfr.z', (truth) => ({ ...saying(truth, { rcode: Rcode.SERVFAIL }), edns })),
      });
      expect(result).to.equal('indeterminate servfail 2 0');
      expect(verdict.detail)
        .to.contain('SERVFAIL')
        .and.contain('Extended DNS Error 23: cannot?[31m reach 192.0.2.9');
      for (const rcode of [Rcode.REFUSED, Rcode.FORMERR, Rcode.YXDOMAIN, Rcode.BADCOOKIE]) {
        expect(lied('TLSA _xfr.z', (truth) => saying(truth, { rcode }))).to.equal(
          'indeterminate servfail 2 0',
        );
      }
    });

    it('is indeterminate where nobody answers, or only a part comes', () => {
      const fails = judge('TLSA _xfr.z', { lie: () => ({ failure: 'no server is left' }) });
      expect(fails.result).to.equal('indeterminate no-answer 2 0');
      const dname = internet.signer('z').records('d.z', RrType.DNAME);
      const broken = (truth: Message) => saying(truth, { rcode: Rcode.SERVFAIL, answers: dname });
      expect(lied('TLSA _xfr.d.z', broken)).to.equal('indeterminate servfail 2 0');
      expect(fails.verdict.detail).to.contain('no server is left');
      expect(lied('TLSA _xfr.z', (truth) => ({ ...truth, header: { ...truth.header, tc: true } }))).to.equal(
        'indeterminate no-answer 2 0',
      );
    });
  });

  it('takes names as long as they may be', () => {
    const name = `${long}.${long}.${long}.${'s'.repeat(59)}.z`;
    const { verdict } = runLookup(
      new SignedInternet({ '.': {}, z: { records: `${name.slice(0, -2)} TLSA ${trueTlsa}` } }),
      `TLSA ${name}`,
    );
    expect(Name.parse(name).wire).to.have.length(255);
    expect(verdict.status).to.equal('secure');
  });

  it('refuses questions for types that have no records [RFC6895-3.1]', () => {
    for (const type of ['RRSIG', 'SIG', 'OPT', 'ANY', 'AXFR', 'IXFR', 'TSIG', 'TKEY', 'TYPE0', 'TYPE65535']) {
      expect(() => judge(`${type} _xfr.z`), type).to.throw(RangeError);
    }
    expect([RrType.A, RrType.NSEC, RrType.DS, RrType.CAA, 0xff00].every(isDataType)).to.be.true;
  });
});
