/** Zones and statements in the configuration of NSD and Knot DNS as results show them. */
import { printableText } from '../../core/observe/printable.ts';
import { brokenAt } from './included-files.ts';
import type { TextPlace } from './included-files.ts';
import { normalName, readOldName } from './zone-names.ts';

/** Characters of a statement that a result shows. */
const longestStatement = 200;

/** The name of a zone. Throws OldConfigError if it is not a domain name. */
export function zoneNameOf(text: string, place: TextPlace): string {
  if (readOldName(text) === undefined) {
    throw brokenAt(place, `${printableText(text, longestStatement)} is not a domain name, and so no zone`);
  }
  return normalName(text);
}

/** A statement to show: its name, and its values if they are none that may be secret. */
export function shownStatement(name: string, values: readonly string[]): string {
  const text = values.length === 0 ? name : [`${name}:`, ...values].join(' ');
  return printableText(text, longestStatement);
}
