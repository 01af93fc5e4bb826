/** What of the core is not in its index yet. */
export {
  maxEntryOctets,
  ZoneTextReader,
  type IncludedFile,
  type RecordSink,
} from '../../../core/zone-text/zone-text-reader.ts';
export { ZoneTextError } from '../../../core/zone-text/zone-text-error.ts';
export { zoneText } from '../../../core/zone-text/zone-text.ts';
