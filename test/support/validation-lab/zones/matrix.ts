/** Sound zones: every algorithm, every kind of denial, every signer. */
import { denials, plainZone, signers, signing, tlsa, type LabZone } from '../lab-zone.ts';

export const algorithms = [8, 10, 13, 14, 15, 16] as const;

export const matrix: readonly LabZone[] = algorithms.flatMap((algorithm) =>
  Object.entries(denials).flatMap(([kind, denial]) =>
    signers.flatMap((signer) => {
      const apex = `a${algorithm}-${kind}-${signer}.test.`;
      // RFC 5155 section 9.2: what an opt-out span denies may exist without a signature.
      const unsure = kind === 'opt-out' ? 'insecure' : 'secure';
      const zone: LabZone = {
        apex,
        signing: signing({ algorithm, denial, signer }),
        records: ['www A 192.0.2.1', `_443._tcp.www ${tlsa}`, `*.wild ${tlsa}`],
        questions: [
          ['_443._tcp.www', 'TLSA', 'secure'],
          ['_443._tcp.www', 'A', 'secure'],
          ['x.wild', 'TLSA', unsure],
          ['nothing.www', 'TLSA', unsure],
        ],
      };
      return [zone, plainZone(`cut.${apex}`, [['_443._tcp.www', 'TLSA', 'insecure']])];
    }),
  ),
);
