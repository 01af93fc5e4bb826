/** A small Internet with every kind of zone cut, for tests. */
import { SignedInternet } from '../../support/signed-internet.ts';
import { trueTlsa, falseTlsa } from './lies.ts';

export const internet = new SignedInternet({
  '.': {},
  example: { records: `*.w TLSA ${trueTlsa}\nd DNAME ns2` },
  'ns2.example': { records: `_xfr TLSA ${trueTlsa}\na.b.c TLSA ${trueTlsa}` },
  'evil.example': { records: `_xfr TLSA ${falseTlsa}` },
  'plain.example': { keys: 'unsigned', records: `_xfr TLSA ${falseTlsa}` },
  'island.plain.example': { records: `_xfr TLSA ${trueTlsa}` },
  'half.example': { ds: 'none', records: `_xfr TLSA ${trueTlsa}` },
  nsec3: { denial: {} },
  'plain.nsec3': { keys: 'unsigned', records: `_xfr TLSA ${trueTlsa}` },
  'ns2.nsec3': { denial: { iterations: 5, salt: Buffer.of(1, 2) }, records: `_xfr TLSA ${trueTlsa}` },
  optout: { denial: { optOut: true } },
  'plain.optout': { keys: 'unsigned', records: `_xfr TLSA ${trueTlsa}` },
  'ns2.optout': { records: `_xfr TLSA ${trueTlsa}` },
});

/** The key of an attacker's own zone. */
export const evilKey = internet.keys.get('evil.example')![0]!;
