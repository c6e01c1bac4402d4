import { escapeHtml } from '../../core/pipeline/helpers.html.js';
import type { IPypiEntry } from '../interfaces.pypi.js';
import { API_VERSION, type ISimpleForm } from './wire.forms.js';
import { HTML_FOOT, htmlHead } from './wire.simple.js';

/** The parts of the list of all projects, one text for each project. */
export interface IProjectsRender {
  contentType: string;
  header: string;
  entry(project: string, entry: IPypiEntry): string;
  separator?: string;
  footer: string;
}

/** How the list of all projects is rendered. Links are relative: callers with different host names share a rendering. */
export const projectsRender = ({ kind, contentType }: ISimpleForm): IProjectsRender =>
  kind === 'json'
    ? {
        contentType,
        header: `{"meta":{"api-version":"${API_VERSION}"},"projects":[`,
        entry: (_project, { name }) => JSON.stringify({ name }),
        separator: ',',
        footer: ']}',
      }
    : {
        contentType,
        header: htmlHead('Simple index'),
        // the text has to be the normalised name
        entry: (project) => `<a href="${escapeHtml(project)}/">${escapeHtml(project)}</a><br>\n`,
        footer: HTML_FOOT,
      };
