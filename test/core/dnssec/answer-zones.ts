/** A small Internet whose zones have everything that an answer can be made of, for tests. */
import { ordinaryPeriod, SignedInternet, startOfTimeMs } from '../../support/signed-internet.ts';
import { trueTlsa } from './lies.ts';

/** A label as long as it may be. */
export const long = 'l'.repeat(63);
const zoneText = `
_xfr TLSA ${trueTlsa}
_xfr 600 TXT "two"
*.w TLSA ${trueTlsa}
b.w TXT "closer"
!.w TXT "before the asterisk"
*.cw CNAME _xfr
ent.deep TXT "below an empty non-terminal"
c CNAME _xfr
out CNAME _xfr.other.
plain CNAME _xfr.plain.
gone CNAME nowhere
d DNAME other.
long DNAME ${long}.${long}.${long}.other.
*.dw DNAME other.
short 60 CNAME _xfr
brief CNAME _xfr.brief.
zero 0 TLSA ${trueTlsa}
\\000\\255\\046b TLSA ${trueTlsa}
`;

export const internet = new SignedInternet({
  '.': {},
  z: { records: zoneText },
  z3: { records: zoneText, denial: { iterations: 2, salt: Buffer.of(7) } },
  z51: { records: zoneText, denial: { iterations: 51 } },
  oo: { records: `*.w TLSA ${trueTlsa}`, denial: { optOut: true } },
  other: { records: `_xfr TLSA ${trueTlsa}\n_xfr.sub TLSA ${trueTlsa}\n@ TLSA ${trueTlsa}` },
  brief: {
    period: { inception: ordinaryPeriod.inception, expiration: startOfTimeMs / 1000 + 90 },
    records: `_xfr TLSA ${trueTlsa}\nback CNAME _xfr.other.`,
  },
  plain: {
    keys: 'unsigned',
    records: `_xfr TLSA ${trueTlsa}\nback CNAME _xfr.other.\ntwo CNAME a.\ntwo CNAME b.`,
  },
});
