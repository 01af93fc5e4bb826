/** Checks our own identity: key and certificate can be read, belong together, carry our name, and are in date. */
import { CertificateFormatError } from '../../core/pki/errors.ts';
import { validity } from '../../core/pki/certificate.ts';
import { IdentityError, loadIdentity, type LoadedIdentity } from '../../core/tls/identity.ts';
import type { LoadedConfig } from '../../core/config/config.ts';
import { FindingsAt, type Finding } from './finding.ts';

const dayMs = 86_400_000;
const soonDays = 14;

/** The identity is undefined when it cannot be used. */
export function checkIdentity(
  { config, document }: LoadedConfig,
  nowMs: number,
): { identity: LoadedIdentity | undefined; findings: Finding[] } {
  const at = new FindingsAt(document, ['identity', 'directory']);
  try {
    const identity = loadIdentity(config.identity.directory);
    const findings = [
      ...identity.warnings.map((warning) => at.warning(inTwo(warning))),
      ...checkName({ config, document }, identity),
      ...checkDates(at, identity, nowMs),
    ];
    return {
      identity,
      findings: [at.ok(`key and certificate in ${config.identity.directory} belong together`), ...findings],
    };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const { file, wrong, right } = error;
    return { identity: undefined, findings: [at.misconfigured({ wrong: `${file}: ${wrong}`, right })] };
  }
}

function checkName({ config, document }: LoadedConfig, identity: LoadedIdentity): Finding[] {
  const at = new FindingsAt(document, ['identity', 'name']);
  const { name } = config.identity;
  if (identity.dnsNames.some((own) => own.equals(name))) return [];
  const there = identity.dnsNames.map((own) => own.toString()).join(', ') || 'none';
  const wrong = `the certificate has no dNSName ${name.toString()} (it has: ${there})`;
  return [
    at.warning({
      wrong,
      right: `write that name here, or make a certificate: danced keygen ${name.toString()}`,
    }),
  ];
}

/** Dates are no error: with DANE-EE nobody looks at them (RFC 7671 section 5.1), but other verifiers do. */
function checkDates(at: FindingsAt, identity: LoadedIdentity, nowMs: number): Finding[] {
  const right =
    'make a new certificate for the same key; peers that verify by X.509 need it, DANE-EE peers do not';
  try {
    const { notBeforeMs, notAfterMs } = validity(identity.certificate);
    const until = new Date(notAfterMs).toISOString().slice(0, 10);
    if (nowMs > notAfterMs) return [at.warning({ wrong: `the certificate expired on ${until}`, right })];
    if (nowMs + soonDays * dayMs > notAfterMs)
      return [at.warning({ wrong: `the certificate expires on ${until}`, right })];
    if (nowMs >= notBeforeMs) return [];
    const from = new Date(notBeforeMs).toISOString();
    return [
      at.warning({
        wrong: `the certificate is not valid before ${from}`,
        right: 'check the clock of this machine',
      }),
    ];
  } catch (error) {
    if (!(error instanceof CertificateFormatError)) throw error;
    return [at.warning({ wrong: 'the dates of the certificate cannot be read', right })];
  }
}

/** A warning of core/tls says what is wrong and, after a semicolon, what to do. */
function inTwo(warning: string): { wrong: string; right: string } {
  const [wrong = warning, ...right] = warning.split('; ');
  return { wrong, right: right.join('; ') };
}
