/** One cell of the matrix: a client with its key, its certificate and its name, and what it shows in the handshake. */
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import type { Lab } from '../../../lab/lab.ts';
import { authority, endEntity, sharedKey, type TestCertificate } from '../../support/certificate-factory.ts';
import { alternativeNames } from '../../support/certificate-extensions.ts';
import { dnsNameEntry } from '../../support/crafted-certificate.ts';
import { vectorOf } from '../../support/named-client.ts';
import { CertificateType } from '../../support/scripted-tls/numbers.ts';
import type { ClientScript } from '../../support/scripted-tls/scripted-client.ts';
import { defaultExtensionType } from '../../../core/tls/client-id.ts';
import {
  conditions,
  fallbackName,
  outcomeOf,
  type Condition,
  type Outcome,
  type Source,
} from './conditions.ts';

export const keyKinds = ['p256', 'p384', 'ed25519', 'rsa2048'] as const;
export const forms = ['x509', 'raw-public-key'] as const;
export const sources = ['extension', 'certificate-name'] as const;

export interface Cell {
  readonly condition: Condition;
  readonly form: (typeof forms)[number];
  readonly source: Source;
  readonly key: (typeof keyKinds)[number];
  /** In every name of the cell, and in no other's. */
  readonly label: string;
  /** The address that its client comes from, by which its lines in the log are known. */
  readonly address: string;
  readonly outcome: Outcome;
}

/** Every cell; those of one row are together. */
export const cells: readonly Cell[] = conditions
  .flatMap((condition) => forms.flatMap((form) => sources.map((source) => ({ condition, form, source }))))
  .flatMap((row) => keyKinds.map((key) => ({ ...row, key })))
  .map((cell, number) => ({
    ...cell,
    label: `c${String(number)}c`,
    address: `127.1.${String(number >> 8)}.${String(number & 0xff)}`,
    outcome: outcomeOf(cell.condition, cell.form, cell.source),
  }));

/** The text of the name that the cell's source says. */
export function saidBy({ condition, source, label }: Pick<Cell, 'condition' | 'source' | 'label'>): Buffer {
  return (source === 'certificate-name' ? condition.certified : undefined)?.(label) ?? condition.said(label);
}

/** Puts the records of all cells into the DNS. */
export function publishCells(lab: Lab): void {
  for (const cell of cells) {
    const { condition, label } = cell;
    for (const name of condition.published(label)) lab.publishTlsa(name, [recordOf(cell)]);
    // Whoever looked at the certificate after all would find its name proved.
    if (cell.source === 'extension' && condition.record === 'its key') {
      lab.publishTlsa(fallbackName(label), [eeRecord(shownKey(cell))]);
    }
  }
}

/** What the client does in the handshake. */
export function scriptOf(
  cell: Cell,
): Pick<ClientScript, 'certificate' | 'certificateVerify' | 'clientCertificateTypes'> {
  const { form, condition } = cell;
  const body = extensionBody(cell);
  const extensions = body === undefined ? [] : [[defaultExtensionType, body] as const];
  const signer = condition.isThief === true ? otherKey(cell) : shownKey(cell);
  const certificateVerify = { key: signer.privateKey };
  if (form === 'raw-public-key') {
    return {
      clientCertificateTypes: [CertificateType.rawPublicKey],
      certificate: [{ data: shownKey(cell).spki, extensions }],
      certificateVerify,
    };
  }
  const chain = chainOf(cell).map(({ der }, depth) => ({
    data: der,
    extensions: depth === 0 ? extensions : [],
  }));
  return { certificate: chain, certificateVerify };
}

function extensionBody({ condition, source, label }: Cell): Buffer | undefined {
  if (source !== 'extension' && condition.isUnsolicited !== true) return undefined;
  return (condition.body ?? vectorOf)(condition.said(label));
}

function chainOf(cell: Cell): TestCertificate[] {
  const { condition } = cell;
  const issuer = condition.record === 'its authority' ? authorityOf(cell) : undefined;
  const names = alternativesOf(cell);
  const more = names.length === 0 ? [] : [alternativeNames(names)];
  return [endEntity({ key: shownKey(cell), more, ...(issuer && { issuer }) }), ...(issuer ? [issuer] : [])];
}

/** GeneralNames of the certificate. */
function alternativesOf(cell: Cell): readonly Buffer[] {
  const { condition, source, label, outcome } = cell;
  const said = saidBy(cell);
  if (source === 'certificate-name') return condition.certificateNames?.(said) ?? [dnsNameEntry(said)];
  if (condition.isCertified === true) return [dnsNameEntry(said)];
  // Who is identified is so by the extension alone; who is not, is so in spite of a certificate that would do.
  return outcome.kind === 'identity' ? [] : [dnsNameEntry(fallbackName(label))];
}

function recordOf(cell: Cell): Buffer {
  const { record } = cell.condition;
  if (record === 'its key') return eeRecord(shownKey(cell));
  if (record === 'another key') return eeRecord(otherKey(cell));
  const { der, spki } = authorityOf(cell);
  const parameters = { usage: 2, selector: 0, matchingType: 1 };
  return encodeTlsa(tlsaFor({ certificate: der, subjectPublicKeyInfo: spki }, parameters));
}

function eeRecord({ spki }: { readonly spki: Buffer }): Buffer {
  const parameters = { usage: 3, selector: 1, matchingType: 1 };
  return encodeTlsa(tlsaFor({ certificate: Buffer.alloc(0), subjectPublicKeyInfo: spki }, parameters));
}

const shownKey = ({ key }: Cell) => sharedKey('client', key);
const otherKey = ({ key }: Cell) => sharedKey('somebody else', key);

const authorities = new Map<string, TestCertificate>();

function authorityOf({ key }: Cell): TestCertificate {
  const made = authorities.get(key) ?? authority({ subject: `CA ${key}`, key: sharedKey('authority', key) });
  authorities.set(key, made);
  return made;
}
