/** Certificates as the settings of Redis take them. */
import type { TestCertificate } from '../certificate-factory.ts';

export function pemOf({ der }: TestCertificate): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
