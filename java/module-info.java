// SPDX-License-Identifier: Apache-2.0
/** Strand: green threads on one carrier. */
module org.cemlang.strand {
    requires org.apache.commons.lang3;
    requires java.management;
    requires static jdk.jfr;
    requires static transitive org.jspecify;

    exports org.cemlang.strand;
}
