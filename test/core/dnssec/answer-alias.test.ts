import { expect } from 'chai';
import { RrType } from '../../../core/dns/constants.ts';
import type { Message } from '../../../core/dns/message.ts';
import { parseName } from '../../../core/dns/rdata.ts';
import { parseRecords } from '../../../core/dns/record-text.ts';
import { lieAbout, runLookup } from '../../support/validated-lookup.ts';
import type { LookupOptions } from '../../support/validated-lookup.ts';
import { internet } from './answer-zones.ts';
import { falseTlsa, saying } from './lies.ts';

describe('an alias in an answer', () => {
  function judge(question: string, options: LookupOptions = {}) {
    const run = runLookup(internet, question, options);
    const { status, reason, rcode, records } = run.verdict;
    return { ...run, result: `${status} ${reason} ${rcode} ${records.length}` };
  }

  function lied(question: string, change: (truth: Message) => Message): string {
    return judge(question, { lie: lieAbout(question, change) }).result;
  }

  it('lists where the aliases lead, and gives the records of the last name', () => {
    const { verdict, asked } = judge('TLSA out.z');
    expect(verdict.aliases.map(String)).to.deep.equal(['_xfr.other']);
    expect(verdict.records[0]!.name.toString()).to.equal('_xfr.other');
    expect(verdict.name.toString()).to.equal('out.z');
    expect(asked).to.contain('TLSA _xfr.other');
    expect(verdict.steps.map(({ kind }) => kind)).to.deep.equal([
      'anchor',
      'zone',
      'alias',
      'zone',
      'answer',
    ]);
  });

  it('asks for the target by itself: what else is in the answer does not count', () => {
    const { verdict, result } = judge('TLSA c.z', {
      lie: lieAbout('TLSA c.z', (truth) => ({
        ...truth,
        answers: [
          ...truth.answers.filter(({ type }) => type !== RrType.TLSA),
          ...parseRecords(`_xfr.z. TLSA ${falseTlsa}\nc.other. TLSA ${falseTlsa}`),
        ],
      })),
    });
    expect(result).to.equal('secure signed 0 1');
    expect(verdict.records[0]!.rdata.toString('hex')).to.contain('abab');
  });

  it('follows no alias that is not signed, and not the CNAME beside a DNAME [RFC6672-5.3.1]', () => {
    const evil = parseRecords('_xfr.z. CNAME _xfr.other.');
    expect(lied('TLSA _xfr.z', (truth) => saying(truth, { answers: evil }))).to.equal(
      'bogus no-signature 2 0',
    );
    const { verdict } = judge('TLSA _xfr.d.z', {
      lie: lieAbout('TLSA _xfr.d.z', (truth) => ({
        ...truth,
        answers: [
          ...truth.answers.filter(({ type }) => type === RrType.DNAME || type === RrType.RRSIG),
          ...parseRecords('_xfr.d.z. CNAME nowhere.plain.'),
        ],
      })),
    });
    expect(verdict.status).to.equal('secure');
    expect(verdict.aliases.map(String)).to.deep.equal(['_xfr.other']);
  });

  it('makes the CNAME of a DNAME itself', () => {
    const { verdict } = judge('CNAME _xfr.d.z', {
      lie: lieAbout('CNAME _xfr.d.z', (truth) => ({
        ...truth,
        answers: truth.answers.filter(({ type }) => type !== RrType.CNAME),
      })),
    });
    expect(verdict.status).to.equal('secure');
    expect(parseName(verdict.records[0]!.rdata).toString()).to.equal('_xfr.other');
  });

  it('needs no CNAME beside a DNAME [RFC6672-3.1]', () => {
    expect(
      lied('TLSA _xfr.d.z', (truth) => ({
        ...truth,
        answers: truth.answers.filter(({ type }) => type !== RrType.CNAME),
      })),
    ).to.equal('secure signed 0 1');
  });

  it('follows no DNAME that is not signed, or not above the name', () => {
    const answers = parseRecords('z. DNAME other.\n_xfr.z. CNAME _xfr.other.');
    expect(lied('TLSA _xfr.z', (truth) => saying(truth, { answers }))).to.equal('bogus no-signature 2 0');
    const beside = internet.signer('z').records('d.z', RrType.DNAME);
    expect(lied('TLSA _xfr.z', (truth) => saying(truth, { answers: beside }))).to.equal(
      'bogus denial-missing 2 0',
    );
  });

  it('follows no DNAME from its own owner [RFC6672-2.3]', () => {
    const answers = internet.signer('z').records('d.z', RrType.DNAME);
    expect(lied('TLSA d.z', (truth) => saying(truth, { answers }))).to.equal('bogus denial-missing 2 0');
  });

  it('follows a signed CNAME, whatever DNAME is beside it', () => {
    expect(
      lied('TLSA c.z', (truth) => ({
        ...truth,
        answers: [...parseRecords('z. DNAME plain.'), ...truth.answers],
      })),
    ).to.equal('secure signed 0 1');
  });

  it('follows no DNAME that comes from a wildcard [RFC6672-3.3]', () => {
    const signer = internet.signer('z');
    const answers = signer.expanded('*.dw.z', 'y.dw.z', RrType.DNAME);
    const authorities = signer.denial('y.dw.z');
    expect(lied('TLSA x.y.dw.z', (truth) => saying(truth, { answers, authorities }))).to.equal(
      'bogus bad-answer 2 0',
    );
  });

  it('takes the record where an answer has it and an alias too', () => {
    expect(
      lied('TLSA _xfr.z', (truth) => ({
        ...truth,
        answers: [...parseRecords('_xfr.z. CNAME _xfr.plain.'), ...truth.answers],
      })),
    ).to.equal('secure signed 0 1');
  });

  it('follows no name with two aliases [RFC2181-10.1]', () => {
    expect(judge('TLSA two.plain').result).to.equal('bogus bad-answer 2 0');
  });

  it('stays insecure after an insecure alias, wherever it leads', () => {
    const lie = lieAbout('TLSA _xfr.other', () => ({ failure: 'nobody answers' }));
    expect(judge('TLSA back.plain', { lie }).result).to.equal('indeterminate no-answer 2 0');
    expect(judge('TLSA back.plain').result).to.equal('insecure no-ds 0 1');
  });
});
