package peqlite;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * Holds the arrows between the packages: {@code http -> actors -> quorum -> storage -> sql}, and
 * beside it {@code actors -> backup -> storage}.
 */
@AnalyzeClasses(
    packages = {"peqlite", "http", "actors", "quorum", "backup", "storage", "sql"},
    importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {

  @ArchTest
  static final ArchRule dependenciesPointOneWay =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("face")
          .definedBy("peqlite..")
          .layer("http")
          .definedBy("http..")
          .layer("actors")
          .definedBy("actors..")
          .layer("quorum")
          .definedBy("quorum..")
          .layer("backup")
          .definedBy("backup..")
          .layer("storage")
          .definedBy("storage..")
          .layer("sql")
          .definedBy("sql..")
          .whereLayer("face")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("http")
          .mayOnlyBeAccessedByLayers("face")
          .whereLayer("actors")
          .mayOnlyBeAccessedByLayers("http", "face")
          .whereLayer("quorum")
          .mayOnlyBeAccessedByLayers("actors", "face")
          .whereLayer("backup")
          .mayOnlyBeAccessedByLayers("actors", "face")
          .whereLayer("storage")
          .mayOnlyBeAccessedByLayers("quorum", "backup", "actors", "http", "face");

  @ArchTest
  static final ArchRule backupsStorageAndVocabularyKnowNoPekko =
      noClasses()
          .that()
          .resideInAnyPackage("backup..", "storage..", "sql..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.pekko..", "com.typesafe.config..");

  @ArchTest
  static final ArchRule onlyBackupsKnowTheirLibraries =
      noClasses()
          .that()
          .resideOutsideOfPackage("backup..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("software.amazon..", "com.google.crypto.tink..");

  @ArchTest
  static final ArchRule vocabularyKnowsNoDatabase =
      noClasses()
          .that()
          .resideInAPackage("sql..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "org.sqlite..");

  @ArchTest
  static final ArchRule actorsKnowNoHttp =
      noClasses()
          .that()
          .resideInAPackage("actors..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("http..", "org.apache.pekko.http..");
}
