/**
 * What comes of a proof of absence, as values.
 */

/** `detail` is words for an operator, with the names in presentation format. */
export type Denial =
  | Proved
  | { readonly kind: 'insecure'; readonly reason: 'opt-out' | 'nsec3-iterations'; readonly detail: string }
  | DenialFault;

export interface Proved {
  readonly kind: 'secure';
  readonly detail: string;
}

export interface DenialFault {
  readonly kind: 'bogus';
  readonly reason: 'denial-missing' | 'denial-wrong' | 'work-limit';
  readonly detail: string;
}

/**
 * What a zone says about a zone cut at a name: it delegates without vouching for keys; there is no cut; there is no
 * such name; the name is in an opt-out span (RFC 5155 section 6), so there may be an unsigned delegation; or nothing
 * is computed because of the iterations (RFC 9276).
 */
export type CutDenial =
  | {
      readonly kind: 'insecure-delegation' | 'no-cut' | 'no-name' | 'opt-out';
      readonly detail: string;
    }
  | { readonly kind: 'insecure'; readonly reason: 'nsec3-iterations'; readonly detail: string }
  | DenialFault;

export function proved(detail: string): Proved {
  return { kind: 'secure', detail };
}

export function missing(detail: string): DenialFault {
  return { kind: 'bogus', reason: 'denial-missing', detail };
}

export function wrong(detail: string): DenialFault {
  return { kind: 'bogus', reason: 'denial-wrong', detail };
}
