/**
 * The cast of the DANE matrix: CAs, cross-signed CAs and an end entity, each part of which can be replaced, and the
 * shapes in which a peer may send them.
 *
 * All keys are ECDSA P-256 unless a replacement says otherwise, and are made once.
 */
import { authority, endEntity, sharedKey } from '../certificate-factory.ts';
import type { EndEntityContent, TestCertificate, UsualContent } from '../certificate-factory.ts';

/** What to change about the certificates of a cast. */
export interface Replacements {
  readonly leaf?: Partial<EndEntityContent>;
  readonly intermediate?: Partial<UsualContent>;
  readonly root?: Partial<UsualContent>;
  /** Puts one more CA between intermediate and root. */
  readonly viaUpper?: boolean;
}

/** Certificates that belong together, by their part in it. */
export type Target =
  | 'leaf'
  /** The leaf's issuer. */
  | 'intermediate'
  /** The intermediate's issuer. */
  | 'root'
  /** With `viaUpper` it stands between intermediate and root, otherwise beside. */
  | 'upper'
  /** A root of somebody else. */
  | 'foreignRoot'
  /** Name and key of the intermediate, issued by the foreign root. */
  | 'crossIntermediate'
  /** Name and key of the root, issued by the foreign root. */
  | 'crossRoot'
  /** Name and key of the foreign root, issued by the root: with crossRoot a circle. */
  | 'crossForeignRoot'
  /** A certificate of the intermediate's name and key that ran out in 2021. */
  | 'oldIntermediate'
  /** Of nobody in the chain. */
  | 'stranger';

/** Certificates that belong together; each is made when it is first asked for. */
export class Cast {
  readonly #replacements: Replacements;
  readonly #made = new Map<Target, TestCertificate>();

  constructor(replacements: Replacements = {}) {
    this.#replacements = replacements;
  }

  get(who: Target): TestCertificate {
    const certificate = this.#made.get(who) ?? this.#make(who);
    this.#made.set(who, certificate);
    return certificate;
  }

  #make(who: Target): TestCertificate {
    const { leaf = {}, intermediate = {}, root = {}, viaUpper = false } = this.#replacements;
    const ofIntermediate = { subject: 'Intermediate', key: sharedKey('intermediate'), ...intermediate };
    switch (who) {
      case 'leaf':
        return endEntity({
          key: sharedKey('leaf'),
          names: [usualName],
          ...('issuer' in leaf ? {} : { issuer: this.get('intermediate') }),
          ...leaf,
        });
      case 'intermediate':
        return authority({ issuer: this.get(viaUpper ? 'upper' : 'root'), ...ofIntermediate });
      case 'root':
        return authority({ subject: 'Root', key: sharedKey('root'), ...root });
      case 'upper':
        return authority({ subject: 'Upper', key: sharedKey('upper'), issuer: this.get('root') });
      case 'foreignRoot':
        return authority({ subject: 'Foreign Root', key: sharedKey('foreign root') });
      case 'crossIntermediate':
        return authority({ ...ofIntermediate, signature: undefined, issuer: this.get('foreignRoot') });
      case 'crossRoot':
        return authority({ ...this.#nameAndKeyOf('root'), issuer: this.get('foreignRoot') });
      case 'crossForeignRoot':
        return authority({ ...this.#nameAndKeyOf('foreignRoot'), issuer: this.get('root') });
      case 'oldIntermediate':
        return authority({ ...ofIntermediate, issuer: this.get('root'), notAfterMs: Date.UTC(2021, 0, 1) });
      case 'stranger':
        return endEntity({ subject: 'stranger', key: sharedKey('stranger'), names: [usualName] });
    }
  }

  #nameAndKeyOf(who: Target): Pick<TestCertificate, 'subject' | 'key'> {
    const { subject, key } = this.get(who);
    return { subject, key };
  }
}

/** What a peer sends. */
export interface Shape {
  readonly title: string;
  readonly chain: readonly Target[];
}

/** The name of the end entity, unless a case is about names. */
export const usualName = 'ns2.example.net';

/** When the cases happen: within the dates of every certificate but those that are about dates. */
export const usualTimeMs = Date.UTC(2026, 5, 1);

/** A chain as a careful peer sends it. */
export const wholeChain: Shape = {
  title: 'leaf, intermediate, root',
  chain: ['leaf', 'intermediate', 'root'],
};

/** A chain as TLS wants it: without the root (RFC 8446 section 4.4.2). */
export const usualChain: Shape = { title: 'leaf, intermediate', chain: ['leaf', 'intermediate'] };

export const shapes: readonly Shape[] = [
  wholeChain,
  usualChain,
  { title: 'leaf', chain: ['leaf'] },
  { title: 'leaf, root, intermediate', chain: ['leaf', 'root', 'intermediate'] },
  { title: 'leaf, root without the intermediate', chain: ['leaf', 'root'] },
  {
    title: 'leaf, others between and after',
    chain: ['leaf', 'stranger', 'intermediate', 'foreignRoot', 'root', 'stranger'],
  },
  { title: 'leaf twice, intermediate', chain: ['leaf', 'leaf', 'intermediate'] },
  { title: 'leaf, both intermediates', chain: ['leaf', 'crossIntermediate', 'intermediate', 'root'] },
  { title: 'leaf, cross-signed intermediate', chain: ['leaf', 'crossIntermediate', 'foreignRoot'] },
  {
    title: 'leaf, intermediate, cross-signed root',
    chain: ['leaf', 'intermediate', 'crossRoot', 'foreignRoot'],
  },
  {
    title: 'leaf, intermediate, circle of roots',
    chain: ['leaf', 'intermediate', 'crossRoot', 'crossForeignRoot'],
  },
  {
    title: 'leaf, old intermediate, intermediate, root',
    chain: ['leaf', 'oldIntermediate', 'intermediate', 'root'],
  },
];
