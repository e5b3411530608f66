// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

import java.io.IOException;

/**
 * A line was longer than its stream takes ({@link LineStream#maxLineBytes}). Thrown once for the line;
 * the next call goes on after its newline.
 */
public final class LineTooLongException extends IOException {
    private static final long serialVersionUID = 1;

    LineTooLongException(String message) {
        super(message);
    }
}
