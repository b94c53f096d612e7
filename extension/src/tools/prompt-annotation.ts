import type { Annotation, CornerstoneTools } from '../host/types/tools.js';

/** How a prompt is drawn. */
export interface PromptLook {
  readonly colour: readonly [number, number, number];
  /** drawn dashed */
  readonly pending: boolean;
  /** 1: belongs to the object, 0: does not; one for each point of a prompt of points, else one for all of it */
  readonly labels: readonly (0 | 1)[];
}

/** A prompt as an annotation of the host; its UID is the prompt's identifier. */
export interface PromptAnnotation extends Annotation {
  readonly data: Annotation['data'] & { prompt: PromptLook };
}

export const isPromptAnnotation = (annotation: Annotation): annotation is PromptAnnotation =>
  'prompt' in annotation.data;

/** Without the event that makes OHIF look for a measurement of that kind, and complain that there is none. */
export function addQuietly(tools: CornerstoneTools, annotation: PromptAnnotation, element: HTMLDivElement): void {
  const manager = tools.annotation.state.getAnnotationManager();
  manager.addAnnotation(annotation, manager.getGroupKey(element));
}
