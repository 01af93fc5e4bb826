/** The lines of the log about an access list in Redis, for docs/errors.md: event, meaning, what to do. */
export const accessListLines: readonly (readonly [event: string, meaning: string, mend: string])[] = [
  [
    'access list away',
    'Redis does not answer, or the connection broke; `why` says what is wrong. What is known counts until `stale-max` of each listener, and who is not known is refused as `access-unavailable`',
    'See that Redis runs and can be reached. `danced check` tries it.',
  ],
  [
    'access list too old',
    'Redis has been away for longer than `stale-max`: listeners with it let nobody in any more',
    'The same, at once.',
  ],
  ['access list in step', 'the list has been read, for the first time or again', 'Nothing.'],
  [
    'access list missing',
    'Redis is there, and there has never been a list in it (no revision): nobody is let in',
    'Load one: `danced access import FILE`.',
  ],
  [
    'access list lost',
    'Redis came back without the list that was there, or with something else in the place of its revision. That is taken for a loss, not for an empty list: what is known counts until `stale-max`',
    'Restore the data of Redis, or load the last export: `danced access import FILE`.',
  ],
  [
    'access list set back',
    'the revision is lower than before: a replica that had not caught up became the primary, or an older copy was restored. What Redis has now counts',
    '`danced access diff FILE` shows what is different from the last export.',
  ],
  [
    'access list without messages',
    'the channel of changes cannot be listened to; changes are seen by the next look at the revision, and everything is read again then',
    'Let the user of Redis subscribe to the channel (`&PREFIX:v1:changes`).',
  ],
  [
    'access value broken',
    'the value under `key` is not what it should be. It counts as nothing, for its own client alone; a broken role forbids everything to those who have it',
    'Write it again: `danced access add NAME … --replace`. `danced access list` names all that are broken.',
  ],
  [
    'access list not connected anew',
    'the password or certificate files that were read again are broken',
    'Mend the file, and send SIGHUP again.',
  ],
  [
    'access list broken',
    'the file of the access list has mistakes: the old rules stay in force (line `access list kept`)',
    'Mend the file; it is read again when it changes.',
  ],
];
