// What clones write: about few things, so that they meet.

const SUBJECTS = ['a', 'b', 'c', 'd'];
/** Where in the list is written. It need not be that long. */
const REACH = 12;

/**
 * By chance, and so that all together do not grow without end. Not text: JavaScript clones fuse what they wrote while they
 * were away, and close, whatever the server, on another's fusion that comes after an edit and does not change the same text.
 */
const CHANGES = [
  random => ({ '@id': random.of(SUBJECTS), name: `n${random.below(5)}` }),
  random => ({ '@id': random.of(SUBJECTS), name: [`n${random.below(5)}`, random.below(5)], '@type': 'Thing' }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), name: `n${random.below(5)}` } }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), name: '?n' } }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), '?p': '?o' } }),
  random => ({ '@update': { '@id': random.of(SUBJECTS), age: random.below(9) } }),
  random => ({ '@update': { '@id': random.of(SUBJECTS), story: 'and then '.repeat(random.below(300)) } }),
  random => ({ '@id': random.of(SUBJECTS), knows: { '@id': random.of(SUBJECTS), name: `n${random.below(5)}` } }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), knows: { '@id': random.of(SUBJECTS) } } }),
  random => ({ '@id': 'list', '@list': { [random.below(REACH)]: `l${random.below(9)}` } }),
  random => ({ '@id': 'list', '@list': { [random.below(REACH)]: [`m${random.below(9)}`, random.below(9)] } }),
  random => ({ '@delete': { '@id': 'list', '@list': { [random.below(REACH)]: '?' } } }),
  random => ({ '@delete': { '@id': 'list', '@list': { [random.below(REACH)]: '?' } } }),
  random => ({ '@delete': { '@id': 'list', '@list': { [random.below(REACH)]: '?' } } }),
  random => ({ '@delete': { '@id': 'list', '@list': { [random.below(REACH)]: '?' } } })
];

/** One write. */
export const change = random => random.of(CHANGES)(random);
