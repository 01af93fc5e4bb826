import { expect } from 'chai';
import {
  alternativeNames,
  directoryNameEntry,
  ipAddressEntry,
  mailboxEntry,
  nameConstraints,
  uriEntry,
} from '../../support/certificate-extensions.ts';
import { distinguishedName, sharedKey, type EndEntityContent } from '../../support/certificate-factory.ts';
import { der, dnsNameEntry, extension, sequence } from '../../support/crafted-certificate.ts';
import { certificateLimits } from '../../../core/pki/certificate.ts';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { readNameConstraints } from '../../../core/pki/name-constraints.ts';
import { ca, expectNone, find, leafOf, root } from '../../support/path-search.ts';

interface Subtrees {
  readonly permitted?: readonly Buffer[];
  readonly excluded?: readonly Buffer[];
}

const dns = dnsNameEntry;
const directory = (...parts: Parameters<typeof distinguishedName>): Buffer =>
  directoryNameEntry(distinguishedName(...parts));
const organization = [
  ['C', 'NL'],
  ['O', 'Example'],
] as const;

/** What the search says of this end entity below a CA with these constraints. */
function judge(
  subtrees: Subtrees,
  { entries = [], ...content }: Partial<EndEntityContent> & { readonly entries?: readonly Buffer[] },
) {
  const constrained = ca('Constrained', { more: [nameConstraints(subtrees)] });
  const names = entries.length === 0 ? [] : [alternativeNames(entries)];
  const leaf = leafOf(constrained, { subject: sequence(), names: [], more: names, ...content });
  return find(leaf, { offered: [constrained], roots: [root] });
}

describe('name constraints', () => {
  const cases: {
    readonly title: string;
    readonly subtrees: Subtrees;
    readonly kept?: readonly Buffer[];
    readonly broken?: readonly Buffer[];
    readonly words?: string;
  }[] = [
    {
      title: 'permit a domain and what is below it [RFC5280-4.2.1.10]',
      subtrees: { permitted: [dns('example.net')] },
      kept: [dns('example.net'), dns('ns2.example.net'), dns('_xfr.NS2.Example.NET'), dns('*.example.net')],
      broken: [dns('example.com'), dns('badexample.net'), dns('net')],
    },
    {
      title: 'permit what is below a domain when the base begins with a dot',
      subtrees: { permitted: [dns('.example.net')] },
      kept: [dns('ns2.example.net'), dns('*.example.net')],
      broken: [dns('example.net')],
    },
    {
      title: 'permit one of several domains',
      subtrees: { permitted: [dns('example.com'), dns('example.net')] },
      kept: [dns('ns2.example.net'), dns('ns2.example.com')],
      broken: [dns('ns2.example.org')],
    },
    {
      title: 'exclude a domain and what is below it [RFC5280-4.2.1.10]',
      subtrees: { excluded: [dns('secret.example.net')] },
      kept: [dns('ns2.example.net'), dns('notsecret.example.net'), dns('*.other.example.net')],
      broken: [dns('secret.example.net'), dns('a.SECRET.example.net'), dns('*.secret.example.net')],
      words: 'excludes a name',
    },
    {
      title: 'exclude a wildcard that may stand for an excluded name',
      subtrees: { excluded: [dns('secret.example.net')] },
      broken: [dns('*.example.net')],
      words: 'excludes a name',
    },
    {
      title: 'exclude every name by the empty base',
      subtrees: { excluded: [dns('')] },
      broken: [dns('ns2.example.net')],
      words: 'excludes a name',
    },
    {
      title: 'exclude within what they permit',
      subtrees: { permitted: [dns('example.net')], excluded: [dns('secret.example.net')] },
      kept: [dns('ns2.example.net')],
      broken: [dns('secret.example.net')],
      words: 'excludes a name',
    },
    {
      title: 'judge addresses by address and mask',
      subtrees: { permitted: [ipAddressEntry([192, 0, 2, 0, 255, 255, 255, 0])] },
      kept: [ipAddressEntry([192, 0, 2, 77])],
      broken: [ipAddressEntry([192, 0, 3, 77]), ipAddressEntry(Array.from({ length: 16 }, () => 0))],
    },
    {
      title: 'judge directory names by their first parts',
      subtrees: { permitted: [directory(organization)] },
      kept: [directory([...organization, ['CN', 'ns2']]), directory(organization)],
      broken: [directory('Example'), directory([organization[1], organization[0]])],
    },
    {
      title: 'exclude directory names however they are written [RFC5280-7.1]',
      subtrees: { excluded: [directory([organization[0], ['O', ' example']])] },
      broken: [directory([...organization, ['CN', 'ns2']])],
      words: 'excludes a name',
    },
    {
      title: 'of a form say nothing about names of another',
      subtrees: { permitted: [dns('example.net'), ipAddressEntry([192, 0, 2, 0, 255, 255, 255, 0])] },
      kept: [directory('anybody'), mailboxEntry('user@example.org'), uriEntry('https://example.org/')],
    },
    {
      title: 'that cannot be judged say no to names of their form [RFC5280-6.1.4]',
      subtrees: { permitted: [mailboxEntry('example.net'), uriEntry('.example.net')] },
      kept: [dns('ns2.example.net')],
      broken: [mailboxEntry('user@example.net'), uriEntry('https://ns2.example.net/')],
      words: 'has a constraint that cannot be judged',
    },
    {
      title: 'with a base that is no domain name say no to every dNSName',
      subtrees: { excluded: [dns('*.example.net')] },
      kept: [directory('anybody')],
      broken: [dns('ns2.example.com')],
      words: 'has a constraint that cannot be judged',
    },
    {
      title: 'with a base that is no address and mask say no to every address',
      subtrees: { excluded: [ipAddressEntry([192, 0, 2, 1])] },
      broken: [ipAddressEntry([192, 0, 2, 77])],
      words: 'has a constraint that cannot be judged',
    },
    {
      title: 'say no to a dNSName that is no domain name',
      subtrees: { excluded: [dns('example.org')] },
      broken: [dns('ns2.example.org\0.example.net'), dns('ns2.example.org.'), dns('*.org'), dns('')],
      words: 'has a constraint that cannot be judged',
    },
  ];
  for (const { title, subtrees, kept = [], broken = [], words = 'does not permit a name' } of cases) {
    it(title, () => {
      for (const entry of kept) expect(judge(subtrees, { entries: [entry] })).to.include({ found: 'root' });
      for (const entry of broken) expectNone(judge(subtrees, { entries: [entry] }), `depth 1 ${words}`);
      if (broken.length > 0) {
        expectNone(judge(subtrees, { entries: [...kept, ...broken] }), `depth 1 ${words}`);
      }
    });
  }

  it('judge the subject as a directory name, if there is one', () => {
    const subtrees = { permitted: [directory(organization)] };
    expect(judge(subtrees, { subject: [...organization, ['CN', 'x']] })).to.include({ found: 'root' });
    expect(judge(subtrees, { subject: sequence() })).to.include({ found: 'root' });
    expectNone(judge(subtrees, { subject: 'x' }), 'does not permit a name');
  });

  it('on mailboxes say no to one in the subject', () => {
    const mailbox = sequence(
      der(
        0x31,
        sequence(
          der(0x06, Buffer.from('2a864886f70d010901', 'hex')),
          der(0x16, Buffer.from('user@example.net')),
        ),
      ),
    );
    expectNone(judge({ excluded: [mailboxEntry('example.org')] }, { subject: mailbox }), 'cannot be judged');
    expect(judge({ excluded: [dns('example.org')] }, { subject: mailbox })).to.include({ found: 'root' });
  });

  it('of every CA above count, and for every CA below', () => {
    const upper = ca('Upper', { more: [nameConstraints({ excluded: [directory('Lower')] })] });
    const lower = ca('Lower', { issuer: upper });
    expectNone(
      find(leafOf(lower), { offered: [lower, upper], roots: [root] }),
      'depth 2 excludes a name of the one at depth 1',
    );
    const far = ca('Far', { more: [nameConstraints({ permitted: [dns('example.org')] })] });
    const near = ca('Near', { issuer: far });
    expectNone(
      find(leafOf(near), { offered: [near, far], roots: [root] }),
      'depth 2 does not permit a name of the one at depth 0',
    );
  });

  it('do not hold for self-issued certificates between [RFC5280-6.1.3]', () => {
    const only = { permitted: [directory('Somebody else')] };
    const upper = ca('Upper', { more: [nameConstraints(only)] });
    const renewed = ca('Upper', { key: sharedKey('renewed'), issuer: upper });
    const leaf = leafOf(renewed, { subject: sequence() });
    expect(find(leaf, { offered: [upper, renewed], roots: [root] })).to.include({ found: 'root' });
  });

  it('hold for a self-issued end entity [RFC5280-6.1.3]', () => {
    const entries = [dns('ns2.example.org')];
    const subtrees = { permitted: [dns('example.net')] };
    expectNone(judge(subtrees, { subject: 'Constrained', entries }), 'depth 1 does not permit');
  });

  it('count though they are not critical', () => {
    const constraints = nameConstraints({ permitted: [dns('example.org')] }, false);
    const constrained = ca('Constrained', { more: [constraints] });
    expectNone(find(leafOf(constrained), { offered: [constrained], roots: [root] }), 'does not permit');
  });

  it('with a minimum or maximum cannot be judged [RFC5280-4.2.1.10]', () => {
    for (const bound of [der(0x80, Buffer.from([0])), der(0x81, Buffer.from([3]))]) {
      const value = sequence(der(0xa1, sequence(dns('example.org'), bound)));
      const constrained = ca('Constrained', { more: [extension('551d1e', value, true)] });
      expectNone(find(leafOf(constrained), { offered: [constrained], roots: [root] }), 'cannot be judged');
    }
  });

  it('are held against names within a limit', () => {
    const constraints = nameConstraints({ permitted: Array.from({ length: 100 }, () => dns('example.net')) });
    const constrained = ca('Constrained', { more: [constraints] });
    const question = { offered: [constrained], roots: [root] };
    // The subject and one dNSName, against a hundred subtrees.
    expect(find(leafOf(constrained), { ...question, limits: { 'name-comparisons': 200 } })).to.include({
      found: 'root',
    });
    expect(find(leafOf(constrained), { ...question, limits: { 'name-comparisons': 199 } })).to.include({
      exhausted: 'name-comparisons',
    });
  });

  const malformed = [
    { title: 'octets after the end', value: Buffer.concat([sequence(), der(5)]) },
    { title: 'a third list', value: sequence(der(0xa2)) },
    { title: 'the lists in the wrong order', value: sequence(der(0xa1), der(0xa0)) },
    { title: 'a subtree that is no sequence', value: sequence(der(0xa0, dns('example.net'))) },
    { title: 'a base of an unknown kind', value: sequence(der(0xa0, sequence(der(0x89)))) },
    {
      title: 'too many subtrees',
      value: sequence(
        der(0xa0, ...Array.from({ length: certificateLimits.constraints + 1 }, () => sequence(dns('a')))),
      ),
    },
  ];
  for (const { title, value } of malformed) {
    it(`refuse ${title}`, () => {
      expect(() => readNameConstraints(value)).to.throw(CertificateFormatError);
    });
  }
});
