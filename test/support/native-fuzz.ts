/** What a hostile client may say of its name: bodies, entries and whole Certificate messages, by chance. */
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import type { Random } from '../fuzz/random.ts';
import type { TestCertificate } from './certificate-factory.ts';
import { certificateOf } from './native-shows.ts';
import { nameBody } from './native-bed.ts';
import { certificateBody } from './scripted-tls/client-flight.ts';
import type { Extension } from './scripted-tls/octets.ts';
import type { ClientScript } from './scripted-tls/scripted-client.ts';
import type { CertificateEntry } from './scripted-tls/server-flight.ts';

/** One handshake, and what of it a server that accepts it must have taken for the name and the first entry. */
export interface FuzzedClient {
  readonly script: Omit<ClientScript, 'host' | 'port'>;
  /** The bodies of the extension with our number, in the first entry of the message that was sent. */
  readonly sent: readonly Buffer[];
  /** Absent: the message as a whole was changed, and the first entry is wherever the change has left it. */
  readonly firstEntry?: Buffer;
}

const kinds = ['p256', 'ed25519', 'p384'] as const;
const mostEntries = 4;
/** Numbers of extensions that OpenSSL knows in a Certificate or elsewhere, that nobody knows, and neighbours of ours. */
const otherTypes = [0, 5, 10, 13, 16, 18, 19, 35, 43, 51, 0xff01, 0xff5a, 0xff5c, 0xffff];

export function fuzzedClient(random: Random): FuzzedClient {
  const certificate = certificateOf(random.pick(kinds), 'fuzz');
  const isRawKey = random.below(3) === 0;
  const entries = entriesFor(random, certificate, isRawKey);
  const [first] = entries;
  const isMutated = random.below(5) === 0;
  const certificateOctets = certificateBody(Buffer.alloc(0), entries);
  const message = isMutated ? random.mutate(certificateOctets) : certificateOctets;
  const script = {
    alpn: ['dot'],
    ...(isRawKey && { clientCertificateTypes: random.pick([[2], [2, 0], [0, 2]]) }),
    ...(random.below(10) === 0 && { extensions: [ourExtension(random)] }),
    certificate: () => message,
    // OpenSSL asks for one after a Certificate message that is not empty.
    ...(entries.length > 0 && { certificateVerify: { key: certificate.key.privateKey } }),
    ...(random.below(5) === 0 && { recordOctets: 1 + random.below(200) }),
    ...(random.below(20) === 0 && { editFlight: shuffled(random) }),
    timeoutMs: 10_000,
  };
  const sent = (first?.extensions ?? []).filter(([type]) => type === defaultExtensionType);
  return {
    script,
    sent: sent.map(([, body]) => body),
    ...(!isMutated && first && { firstEntry: first.data }),
  };
}

/** Bodies of the extension: names, vectors that lie, and anything. */
export function fuzzedBody(random: Random): Buffer {
  const good = nameBody('_xfr.ns2.example');
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return good;
    case 3:
      return nameBody(random.octets(random.below(256)).toString('latin1'));
    case 4:
      return random.mutate(good);
    case 5:
      return Buffer.concat([Buffer.from([random.below(256)]), random.octets(random.below(300))]);
    case 6:
      return random.octets(random.pick([0, 1, 2, 255, 256, 257, 1000, 20_000]));
    default:
      return Buffer.alloc(random.below(3), random.below(2) * 255);
  }
}

function ourExtension(random: Random): Extension {
  return [defaultExtensionType, fuzzedBody(random)];
}

function extensionsFor(random: Random): Extension[] {
  const extensions: Extension[] = [];
  // Mostly once; sometimes not at all, or twice.
  const own = random.pick([1, 1, 1, 1, 1, 0, 2]);
  for (let count = 0; count < own; count += 1) extensions.push(ourExtension(random));
  for (let count = random.pick([0, 0, 0, 0, 0, 0, 0, 1, 2]); count > 0; count -= 1) {
    const other: Extension = [random.pick(otherTypes), random.octets(random.below(20))];
    extensions.splice(random.below(extensions.length + 1), 0, other);
  }
  return extensions;
}

function entriesFor(random: Random, certificate: TestCertificate, isRawKey: boolean): CertificateEntry[] {
  const data = isRawKey ? certificate.spki : certificate.der;
  const entries: CertificateEntry[] = [{ data, extensions: extensionsFor(random) }];
  for (let count = random.pick([0, 0, 0, 1, mostEntries - 1]); count > 0; count -= 1) {
    const extensions = random.below(6) === 0 ? extensionsFor(random) : [];
    entries.push({ data: certificateOf(random.pick(kinds), 'fuzz').der, extensions });
  }
  if (random.below(30) === 0) entries.length = 0;
  return entries;
}

/** Messages of the flight in another order, doubled or left out. */
function shuffled(random: Random): (messages: readonly Buffer[]) => readonly Buffer[] {
  return (messages) => {
    const changed = [...messages];
    const at = random.below(changed.length);
    switch (random.below(3)) {
      case 0:
        changed.splice(at, 0, changed[at]!);
        break;
      case 1:
        changed.splice(at, 1);
        break;
      default:
        changed.reverse();
    }
    return changed;
  };
}
