/** NSEC3 with few and many iterations (RFC 9276 section 3.2). */
import { nsec, signers, signing, tlsa, type LabZone } from '../lab-zone.ts';

export const iterations: readonly LabZone[] = [0, 50, 51, 500].flatMap((count) =>
  signers
    // dnssec-signzone refuses more.
    .filter((signer) => signer !== 'bind' || count <= 51)
    .flatMap((signer): LabZone[] => {
      const apex = `iterations-${count}-${signer}.test.`;
      const unsure = count > 50 ? 'insecure' : 'secure';
      return [
        {
          apex,
          signing: signing({ signer, denial: { kind: 'nsec3', iterations: count, optOut: false } }),
          records: [`www ${tlsa}`, `*.wild ${tlsa}`],
          questions: [
            // What is there is proved without NSEC3.
            ['www', 'TLSA', 'secure'],
            ['www', 'A', unsure],
            ['nothing', 'TLSA', unsure],
            ['x.wild', 'TLSA', unsure],
          ],
        },
        {
          apex: `child.${apex}`,
          signing: signing({ signer, denial: nsec }),
          records: [`www ${tlsa}`],
          questions: [['www', 'TLSA', 'secure']],
        },
      ];
    }),
);
