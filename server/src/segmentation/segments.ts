import { codeItem, standardCodes } from './codes.js';
import { encodeCieLab } from './colour.js';
import { elements, type Elements, type Values } from './elements.js';
import { algorithmIdentification, algorithmName } from './provenance.js';
import { fitText } from './text-values.js';
import type { Provenance, SegSegment } from './types.js';

/** Items of SegmentSequence (PS3.3 section C.8.20.4), numbered 1.. in the order given. */
export function segmentItems(segments: readonly SegSegment[], provenance: Provenance): Elements[] {
  return segments.map((segment, index) => segmentItem(segment, index + 1, provenance));
}

function segmentItem(segment: SegSegment, number: number, provenance: Provenance): Elements {
  const { terms } = segment;
  return elements({
    SegmentedPropertyCategoryCodeSequence: [codeItem(terms.category)],
    SegmentNumber: number,
    SegmentLabel: fitText(segment.label, 64) || `Segment ${number}`,
    SegmentDescription: segment.description ? fitText(segment.description, 1024) : undefined,
    ...algorithm(segment, provenance),
    RecommendedDisplayCIELabValue: encodeCieLab(segment.colour),
    SegmentedPropertyTypeCodeSequence: [
      codeItem(terms.type, {
        SegmentedPropertyTypeModifierCodeSequence: terms.typeModifier && [codeItem(terms.typeModifier)],
      }),
    ],
    AnatomicRegionSequence: terms.region && [
      codeItem(terms.region, {
        AnatomicRegionModifierSequence: terms.regionModifier && [codeItem(terms.regionModifier)],
      }),
    ],
    TrackingID: fitText(segment.trackingId, 64),
    TrackingUID: segment.trackingUid,
  });
}

function algorithm(segment: SegSegment, provenance: Provenance): Values {
  const { algorithmType } = segment;
  if (algorithmType === 'MANUAL') return { SegmentAlgorithmType: algorithmType };
  if (segment.algorithm) return readAlgorithm(algorithmType, segment.algorithm);
  const identification = algorithmIdentification(provenance);
  return {
    SegmentAlgorithmType: algorithmType,
    SegmentAlgorithmName: provenance.model ? algorithmName(provenance.model) : fitText(provenance.softwareName, 64),
    SegmentationAlgorithmIdentificationSequence: identification && [identification],
  };
}

/** The algorithm of a segment that was read: as much as its object said, nothing of ours. */
function readAlgorithm(
  algorithmType: SegSegment['algorithmType'],
  { name, version, family }: NonNullable<SegSegment['algorithm']>,
): Values {
  return {
    SegmentAlgorithmType: algorithmType,
    SegmentAlgorithmName: fitText(name, 64),
    SegmentationAlgorithmIdentificationSequence:
      family && version
        ? [
            elements({
              AlgorithmFamilyCodeSequence: [codeItem(family)],
              AlgorithmName: fitText(name, 64),
              AlgorithmVersion: fitText(version, 64),
            }),
          ]
        : undefined,
  };
}

/** Segment 0 of a label map: every pixel value has to be described, so the background too (PS3.3 C.8.20.2.3). */
export function backgroundItem(like: Elements): Elements {
  const background = codeItem(standardCodes.background);
  const type = like['00620008'];
  const name = like['00620009'] as Elements[string] | undefined;
  return {
    ...elements({
      SegmentedPropertyCategoryCodeSequence: [background],
      SegmentNumber: 0,
      SegmentLabel: 'Background',
      RecommendedDisplayCIELabValue: encodeCieLab([0, 0, 0]),
      SegmentedPropertyTypeCodeSequence: [background],
    }),
    '00620008': type,
    ...(name ? { '00620009': name } : {}),
  };
}
