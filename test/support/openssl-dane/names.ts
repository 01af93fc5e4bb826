/** Pairs of a claimed name and what a certificate says, for the DANE matrix. */
import { alternativeNames, ipAddressEntry, mailboxEntry } from '../certificate-extensions.ts';
import { dnsNameEntry } from '../crafted-certificate.ts';
import type { Replacements } from './chains.ts';

export interface NamePair {
  readonly title: string;
  /** The reference identifier. */
  readonly name: string;
  readonly replace: Replacements;
}

const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(57)}.net`;

export const namePairs: readonly NamePair[] = [
  pair('ns2.example.net', ['ns2.example.net']),
  pair('NS2.Example.NET', ['ns2.example.net']),
  pair('ns2.example.net', ['NS2.EXAMPLE.NET']),
  pair('ns2.example.net', ['ns1.example.net', 'ns2.example.net']),
  pair('ns2.example.net', ['ns1.example.net']),
  pair('ns2.example.net', ['example.net']),
  pair('ns2.example.net', ['a.ns2.example.net']),
  pair('ns2.example.net', ['xns2.example.net']),
  pair('ns2.example.net', ['ns2.example.net.']),
  pair('ns2.example.net', ['ns2.example.ne']),
  pair('_xfr.ns2.example.net', ['_xfr.ns2.example.net']),
  pair('_xfr.ns2.example.net', ['ns2.example.net']),
  pair('sensor7._device.example.net', ['sensor7._device.example.net']),
  pair('ns2.example.net', ['*.example.net']),
  pair('ns2.example.net', ['*.EXAMPLE.net']),
  pair('a.ns2.example.net', ['*.example.net']),
  pair('example.net', ['*.example.net']),
  pair('_xfr.example.net', ['*.example.net']),
  pair('sensor7._device.example.net', ['*._device.example.net']),
  pair('xn--bcher-kva.example.net', ['*.example.net']),
  pair('xn--bcher-kva.example.net', ['xn--bcher-kva.example.net']),
  pair('ns2.example.net', ['*.net']),
  pair('example.net', ['*.net']),
  pair('net', ['*']),
  pair('net', ['net']),
  pair('ns2.example.net', ['*']),
  pair('ns2.example.net', ['n*.example.net']),
  pair('ns2.example.net', ['*2.example.net']),
  pair('ns2.example.net', ['n*2.example.net']),
  pair('ns2.example.net', ['ns2*.example.net']),
  pair('ns2.example.net', ['ns2.*.net']),
  pair('ns2.example.net', ['*.*.net']),
  pair('ns2.example.net', ['**.example.net']),
  pair('a.ns2.example.net', ['a.*.example.net']),
  pair('ns2.example.net', ['ns2.example.net\0.example.org']),
  pair('ns2.example.net', ['ns2.example..net']),
  pair('ns2.example.net', [' ns2.example.net']),
  pair('-ns2.example.net', ['-ns2.example.net']),
  pair(long, [long]),
  pair('ns2.example.net', ['', 'ns2.example.net']),
  pair('ns2.example.net', [' bad name', 'ns2.example.net']),
  {
    title: 'ns2.example.net, certificate without names',
    name: 'ns2.example.net',
    replace: { leaf: { names: [] } },
  },
  {
    title: 'ns2.example.net, certificate with it as common name only',
    name: 'ns2.example.net',
    replace: { leaf: { names: [], subject: 'ns2.example.net' } },
  },
  {
    title: 'ns2.example.net, certificate with it as common name and other dNSNames',
    name: 'ns2.example.net',
    replace: { leaf: { names: ['ns1.example.net'], subject: 'ns2.example.net' } },
  },
  {
    title: 'ns2.example.net, certificate with it as common name and an address',
    name: 'ns2.example.net',
    replace: {
      leaf: {
        names: [],
        subject: 'ns2.example.net',
        more: [alternativeNames([ipAddressEntry([192, 0, 2, 1])])],
      },
    },
  },
  {
    title: 'ns2.example.net, certificate with critical names',
    name: 'ns2.example.net',
    replace: {
      leaf: { names: [], more: [alternativeNames([dnsNameEntry('ns2.example.net')], true)] },
    },
  },
  {
    title: 'ns2.example.net, certificate with it as mailbox',
    name: 'ns2.example.net',
    replace: { leaf: { names: [], more: [alternativeNames([mailboxEntry('a@ns2.example.net')])] } },
  },
  {
    title: 'ns2.example.net, certificate with it as mailbox and as dNSName',
    name: 'ns2.example.net',
    replace: {
      leaf: {
        names: [],
        more: [alternativeNames([mailboxEntry('a@example.net'), dnsNameEntry('ns2.example.net')])],
      },
    },
  },
];

function pair(name: string, names: readonly string[]): NamePair {
  const shown = names.map((text) => (text.length > 60 ? `${text.slice(0, 8)}…` : JSON.stringify(text)));
  const title = `${name.length > 60 ? `${name.slice(0, 8)}…` : name}, certificate ${shown.join(', ')}`;
  return { title, name, replace: { leaf: { names } } };
}
