import t from 'tap';
import { assertRatio } from '../../../ts/core/archives/helpers.limits.js';
import { refusal } from '../../support/npm/packages.js';

t.test('a ratio holds above a size, and up to its number', async (t) => {
  const limits = {
    noun: 'It',
    maxUnpackedSize: 1e9,
    ratios: [
      { times: 50, from: 1000 },
      { times: 20, from: 5000 },
    ],
  };
  for (const [packed, unpacked] of [
    [1, 1000],
    [30, 1500],
    [300, 6000],
    [250, 5000],
  ] as const) {
    t.doesNotThrow(() => assertRatio(limits, packed, unpacked), `${packed} ${unpacked}`);
  }
  for (const [packed, unpacked, times] of [
    [1, 1001, 50],
    [30, 1501, 50],
    [300, 6001, 20],
  ] as const) {
    const message = `It unpacks to more than ${times} times its size`;
    t.throws(() => assertRatio(limits, packed, unpacked), refusal('tooLarge', { message }));
  }
  t.doesNotThrow(() => assertRatio({ noun: 'It', maxUnpackedSize: 1 }, 1, 1e9), 'without any');
});
